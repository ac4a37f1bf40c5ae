"""A download and sources that take turns: what they are told, and which offers are taken."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from p2pfs.chunks import ChunkSet
from p2pfs.peer.downloading.download import IMPATIENT
from p2pfs.peer.downloading.want_list_sender import LONGEST_HELD
from p2pfs.peer.policy.intake import SOURCES
from p2pfs.peer.sources.pool import DENIAL_SECONDS
from tests.peer.download_scene import CHUNK, DATA, HASHES, Scene, Scenes, address


def said(scene: Scene, name: str, kind: str) -> list[Any]:
    """What a source was told of that kind: chunks of want lists, numbers otherwise."""
    told = []
    for message in scene.sources[name].heard():
        if message["type"] == "PEER_WANT" == kind:
            bitfield = base64.b64decode(message["chunks"])
            told.append(set(ChunkSet.from_bitfield(4, bitfield)))
        elif message["type"] == kind:
            told.append(message["chunknum"])
    return told


def in_turns(one: Scene, *numbers: int) -> list[str]:
    """Begin, with sources that take turns."""
    names = [address(number) for number in numbers]
    one.reachable = one.take_turns = set(names)
    one.start(*names)
    return names


def offer(one: Scene, name: str, chunknum: int) -> None:
    """A source offers a chunk."""
    one.sources[name].say(type="PEER_OFFER", filename="x", chunknum=chunknum)


def send(one: Scene, name: str, chunknum: int) -> None:
    """A source sends a chunk."""
    start = chunknum * CHUNK
    data = base64.b64encode(DATA[start : start + CHUNK]).decode()
    digest = HASHES[chunknum]
    assert digest is not None
    one.sources[name].say(
        type="PEER_REPLY_CHUNK", filename="x", chunknum=chunknum, digest=digest.hex(), data=data
    )


def test_what_one_offers_another_is_told_not_to(scene: Scenes) -> None:
    """No chunk is asked for before it is offered, none of two, and the sender hears of its end."""
    one = scene()
    a, b = in_turns(one, 1, 2)
    assert said(one, a, "PEER_WANT") == said(one, b, "PEER_WANT") == [{0, 1, 2, 3}]
    offer(one, a, 2)
    assert said(one, a, "PEER_REQUEST_CHUNK") == [2]
    assert said(one, b, "PEER_HAVE") == [2]
    offer(one, b, 2)
    assert said(one, b, "PEER_HAVE") == [2]
    send(one, a, 2)
    assert said(one, a, "PEER_HAVE") == [2]
    assert one.gains == [0b100], "who serves is told, once it can be served"


def test_what_did_not_come_is_wanted_again(scene: Scenes) -> None:
    """The source that failed is not told, as long as it is believed; the others are."""
    one = scene()
    a, b = in_turns(one, 1, 2)
    offer(one, a, 2)
    for name in (a, b):
        one.sources[name].take()
    request = {"request": "PEER_REQUEST_CHUNK", "filename": "x", "chunknum": 2}
    one.sources[a].say(type="ERROR", message="no", **request)
    assert said(one, b, "PEER_WANT") == [{0, 1, 2, 3}]
    assert said(one, a, "PEER_WANT") == []
    one.clock.advance(0)
    one.run(DENIAL_SECONDS + 1.0)
    offer(one, a, 2)
    assert said(one, a, "PEER_REQUEST_CHUNK") == [2]


def test_sources_of_both_kinds(scene: Scenes) -> None:
    """Who knows no turns is asked as ever; what it sends the others need not offer."""
    one = scene()
    a, b = address(1), address(2)
    one.reachable, one.take_turns = {a, b}, {b}
    one.proven(a, b)
    one.start(a, b)
    asked = said(one, a, "PEER_REQUEST_CHUNK")
    assert len(asked) == 2
    (wanted,) = said(one, b, "PEER_WANT") or [set()]
    assert wanted in ({0, 1, 2, 3} - set(asked), {0, 1, 2, 3})


def test_a_source_that_only_answers_pings_ends_no_waiting(scene: Scenes) -> None:
    """Who never offers anything holds nothing up, and a download ends as without a source."""
    one = scene()
    (a,) = in_turns(one, 1)
    ping = {"type": "PEER_PING_PONG", "turns": True}
    for _ in range(70):
        heard = one.sources[a].heard()
        if ping in heard:
            one.sources[a].say(**ping)
        one.clock.advance(0.5)
        one.clock.advance(0.5)
    assert "within 60 s" in one.error


def test_offers_without_end_or_sense_are_declined(scene: Scenes) -> None:
    """Chunks outside the file, those that are here, and more than there is room for."""
    one = scene()
    one.proven(address(1))
    (a,) = in_turns(one, 1)
    said(one, a, "PEER_WANT")
    for chunknum in (-1, 4, 1 << 40):
        offer(one, a, chunknum)
        assert said(one, a, "PEER_HAVE") == [chunknum]
    for chunknum in range(4):
        offer(one, a, chunknum)
    heard = one.sources[a].heard()
    assert [message["type"] for message in heard].count("PEER_REQUEST_CHUNK") == 2
    assert not one.sources[a].aborted


def test_an_offer_beyond_the_room_on_record_is_declined(
    scene: Scenes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a crash no more is read again than is promised, whoever chose the chunks."""
    monkeypatch.setattr("p2pfs.peer.library.checkpointer.UNSYNCED_LIMIT", 2 * CHUNK)
    one = scene(records=tmp_path)
    one.proven(address(1))
    (a,) = in_turns(one, 1)
    one.sources[a].take()
    for chunknum in (0, 1, 2):
        offer(one, a, chunknum)
    heard = [(message["type"], message["chunknum"]) for message in one.sources[a].heard()]
    assert heard == [("PEER_REQUEST_CHUNK", 0), ("PEER_REQUEST_CHUNK", 1), ("PEER_HAVE", 2)]


def test_more_senders_than_fill_the_line_are_put_off(scene: Scenes) -> None:
    """Who has nothing else to do may send all the same; one of the others when there is room."""
    one = scene(max_sources=SOURCES + 2)
    names = in_turns(one, *range(SOURCES + 2))
    *first, put_off, idle = names
    for chunknum, name in enumerate(first):
        offer(one, name, chunknum)
        assert said(one, name, "PEER_REQUEST_CHUNK") == [chunknum]
    offer(one, put_off, 3)
    assert said(one, put_off, "PEER_BUSY") == [3]
    one.sources[idle].say(type="PEER_OFFER", filename="x", chunknum=3, spare=True)
    assert said(one, idle, "PEER_REQUEST_CHUNK") == [3]
    refusal = {"type": "ERROR", "request": "PEER_REQUEST_CHUNK", "message": "no", "filename": "x"}
    one.sources[put_off].take()
    for name, chunknum in ((first[0], 0), (idle, 3)):
        one.sources[name].say(**refusal, chunknum=chunknum)
    one.clock.advance(0)
    ready = [message["type"] for message in one.sources[put_off].heard()]
    assert ready.count("PEER_READY") == 1


def test_the_next_sender_is_welcome_when_a_chunk_is_nearly_here(scene: Scenes) -> None:
    """Its bytes come when the last ones of the other are through."""
    one = scene(max_sources=SOURCES + 1)
    *first, last = in_turns(one, *range(SOURCES + 1))
    for chunknum, name in enumerate(first):
        offer(one, name, chunknum)
    digest = HASHES[0]
    assert digest is not None
    reply = {"type": "PEER_REPLY_CHUNK", "filename": "x", "chunknum": 0, "digest": digest.hex()}
    one.sources[first[0]].say(**reply, length=CHUNK)
    one.sources[first[0]].deliver(DATA[: CHUNK // 2])
    one.sources[last].take()
    offer(one, last, 3)
    assert said(one, last, "PEER_BUSY") == [3]
    one.sources[first[0]].deliver(DATA[CHUNK // 2 : CHUNK - 10])
    one.sources[last].take()
    offer(one, last, 3)
    assert said(one, last, "PEER_REQUEST_CHUNK") == [3]


def test_a_source_is_asked_when_nobody_offers_anything_for_long(scene: Scenes) -> None:
    """All may have more downloaders than they can serve in turn."""
    one = scene(silence=600.0, no_source=600.0)
    (a,) = in_turns(one, 1)
    one.sources[a].take()
    for _ in range(round(IMPATIENT) - 1):
        one.clock.advance(1.0)
        assert said(one, a, "PEER_REQUEST_CHUNK") == []
    one.clock.advance(1.0)
    one.clock.advance(1.0)
    assert said(one, a, "PEER_REQUEST_CHUNK")


@pytest.fixture
def behind(scene: Scenes, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A download whose disk is behind from now on, with two sources that take turns."""
    one = scene()
    in_turns(one, 1, 2)
    monkeypatch.setattr(one.download, "may_ask", lambda: False)
    return one


def spare_offer(one: Scene, name: str, chunknum: int) -> None:
    """A source that has nothing else to send offers a chunk."""
    one.sources[name].say(type="PEER_OFFER", filename="x", chunknum=chunknum, spare=True)


def test_an_offer_of_one_with_nothing_else_to_send_waits_for_the_disk(
    behind: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Declined, all that are under way would be lost at once, and cost a rest that is longer."""
    name = address(1)
    spare_offer(behind, name, 2)
    behind.clock.advance(LONGEST_HELD / 2)
    assert said(behind, name, "PEER_HAVE") == []
    monkeypatch.setattr(behind.download, "may_ask", lambda: True)
    behind.download.go_on()
    assert said(behind, name, "PEER_REQUEST_CHUNK") == [2]
    behind.clock.advance(2 * LONGEST_HELD)
    assert said(behind, name, "PEER_HAVE") == []


def test_an_offer_does_not_wait_for_long(behind: Scene) -> None:
    """The source may have others to send to by then."""
    name = address(1)
    spare_offer(behind, name, 2)
    behind.clock.advance(0.9 * LONGEST_HELD)
    assert said(behind, name, "PEER_HAVE") == []
    behind.clock.advance(0.2 * LONGEST_HELD)
    assert said(behind, name, "PEER_HAVE") == [2]


def test_who_has_others_to_send_to_is_told_at_once_that_the_disk_is_behind(behind: Scene) -> None:
    """A place on its line is not kept from them."""
    name = address(1)
    offer(behind, name, 2)
    assert said(behind, name, "PEER_HAVE") == [2]


def test_no_more_offers_wait_than_were_asked_for(behind: Scene) -> None:
    """Whatever somebody offers."""
    name = address(1)
    for _ in range(3):
        for chunknum in range(4):
            spare_offer(behind, name, chunknum)
    waiting = 4 * 3 - len(said(behind, name, "PEER_HAVE"))
    assert 0 < waiting < 4


def test_what_waits_for_the_disk_ends_with_the_download(behind: Scene) -> None:
    """No timer is left, and nothing is asked for."""
    spare_offer(behind, address(1), 2)
    behind.download.cancel()
    behind.clock.advance(2 * LONGEST_HELD)
    assert said(behind, address(1), "PEER_REQUEST_CHUNK") == []
