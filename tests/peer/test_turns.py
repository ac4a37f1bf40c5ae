"""Offers in turn on the wire: peers that know them, and peers that do not."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p2pfs.chunks import ChunkSet
from p2pfs.peer.policy.upload_slots import SLOTS
from p2pfs.peer.sources import Answer
from p2pfs.peer.sources.connection import PROBE_SECONDS
from tests.memory_transport import MemoryTransport
from tests.peer.holdings import content, shared
from tests.peer.serving.test_serving import done
from tests.peer.serving_pair import SILENCE, Downloader, Serving, join

DATA = content(95)


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    """A peer that shares the file f, in five chunks."""
    serving = Serving()
    serving.library.add(shared(tmp_path / "f", DATA, 20))
    return serving


@pytest.fixture
def down(serving: Serving) -> Iterator[Downloader]:
    """A downloader of that file."""
    down = Downloader(serving.library["f"].info)
    yield down
    down.close()


def want_list(*chunknums: int, **fields: Any) -> dict[str, Any]:
    """A downloader's want list."""
    chunks = base64.b64encode(ChunkSet.of(5, chunknums).to_bitfield()).decode()
    return {"type": "PEER_WANT", "filename": "f", "chunks": chunks, "room": 1, **fields}


def have(chunknum: Any, filename: str = "f") -> dict[str, Any]:
    """A downloader's hint."""
    return {"type": "PEER_HAVE", "filename": filename, "chunknum": chunknum}


def offer(chunknum: int, **fields: Any) -> dict[str, Any]:
    """What a source offers."""
    return {"type": "PEER_OFFER", "filename": "f", "chunknum": chunknum, **fields}


def spare(chunknum: int) -> dict[str, Any]:
    """What it offers with nothing else to send."""
    return offer(chunknum, spare=True)


# The serving side


def test_only_who_says_so_is_told_of_turns(serving: Serving) -> None:
    """A downloader that does not know of turns never sees a message it does not know."""
    other = serving.connect()
    assert other.ask(type="PEER_PING_PONG") == [{"type": "PEER_PING_PONG"}]
    ping = {"type": "PEER_PING_PONG", "turns": True}
    assert other.ask(**ping) == [{"type": "PEER_TURNS"}, ping]
    done(serving, other)


def test_a_want_list_is_answered_with_offers_and_a_hint_with_the_next(serving: Serving) -> None:
    """One at a time if there is room for one; a chunk that is there makes room."""
    other = serving.connect()
    (first,) = other.ask(**want_list(1, 3))
    assert first in (spare(1), spare(3))
    request = {"type": "PEER_REQUEST_CHUNK", "filename": "f", "chunknum": first["chunknum"]}
    assert other.ask(**request)[0]["type"] == "PEER_REPLY_CHUNK"
    (second,) = other.ask(**have(first["chunknum"]))
    assert [first, second] in ([spare(1), spare(3)], [spare(3), spare(1)])
    assert other.ask(**have(second["chunknum"])) == []
    done(serving, other)


def test_a_crowd_is_served_a_few_at_a_time(serving: Serving) -> None:
    """The connections of a peer share its slots, and one that ends leaves its own."""
    others = [serving.connect() for _ in range(SLOTS + 2)]
    offered = [other for other in others if other.ask(**want_list(0, 1, 2, 3, 4))]
    assert len(offered) == SLOTS
    offered[0].hang_up()
    rest = [other for other in others if other not in offered]
    assert sum(bool(other.heard()) for other in rest) == 1
    done(serving, *offered[1:], *rest)


def test_who_has_enough_on_its_way_is_offered_more_when_it_is_ready(serving: Serving) -> None:
    """Or when the line has nothing else to do, and then it is told so."""
    one, other = serving.connect(), serving.connect()
    (first,) = one.ask(**want_list(1))
    (second,) = other.ask(**want_list(2))
    assert (first, second) == (spare(1), offer(2))
    assert other.ask(type="PEER_BUSY", filename="f", chunknum=2) == []
    assert other.ask(type="PEER_READY", filename="f") == [offer(2)]
    assert other.ask(type="PEER_BUSY", filename="f", chunknum=2) == []
    assert one.ask(**have(1)) == []
    assert other.heard() == [spare(2)]
    done(serving, one, other)


def test_a_chunk_that_has_gone_out_makes_room(serving: Serving) -> None:
    """Others need not wait until its receiver has said that it has it."""
    others = [serving.connect() for _ in range(SLOTS + 1)]
    offers = [other.ask(**want_list(0, 1, 2, 3, 4)) for other in others]
    assert offers[-1] == []
    request = {"type": "PEER_REQUEST_CHUNK", "filename": "f"}
    assert others[0].ask(**request, chunknum=offers[0][0]["chunknum"])
    assert [message["type"] for message in others[-1].heard()] == ["PEER_OFFER"]
    done(serving, *others)


def test_a_chunk_that_is_gained_is_offered(serving: Serving) -> None:
    """A peer that is itself still downloading passes on what it gets, at once."""
    held = serving.library["f"]
    held.chunks.bits = 0
    other = serving.connect()
    assert other.ask(**want_list(2)) == []
    held.chunks.add(2)
    serving.factory.serving.offers.make()
    assert other.heard() == [spare(2)]
    done(serving, other)


def test_an_offer_goes_out_before_what_waits(serving: Serving) -> None:
    """Behind all chunks that were asked for it would come when the line has nothing to do."""
    other = serving.connect()
    serving.clock.held = True
    for chunknum in (0, 1):
        other.say(type="PEER_REQUEST_CHUNK", filename="f", chunknum=chunknum)
    other.say(**want_list(2))
    serving.clock.release()
    kinds = [(message["type"], message["chunknum"]) for message in other.heard()]
    assert kinds == [("PEER_REPLY_CHUNK", 0), ("PEER_OFFER", 2), ("PEER_REPLY_CHUNK", 1)]
    done(serving, other)


def test_an_offer_that_cannot_be_kept_leaves_its_slot(serving: Serving) -> None:
    """The file is gone: the answer is an error, and it is somebody else's turn."""
    others = [serving.connect() for _ in range(SLOTS + 1)]
    offers = [other.ask(**want_list(0, 1, 2, 3, 4)) for other in others]
    assert offers[-1] == []
    serving.library["f"].path.unlink()
    chunknum = offers[0][0]["chunknum"]
    (error,) = others[0].ask(
        type="PEER_REQUEST_CHUNK", filename="f", chunknum=chunknum, encoding="raw"
    )
    assert error["type"] == "ERROR"
    assert [message["type"] for message in others[-1].heard()] == ["PEER_OFFER"]
    done(serving, *others)


@pytest.mark.parametrize(
    "bad",
    [
        want_list(0, filename="other"),
        want_list(0, root="ab" * 32),
        want_list(0, chunks="AAAA"),
        want_list(0, chunks="/w=="),
    ],
)
def test_a_want_list_that_makes_no_sense_is_an_error(serving: Serving, bad: dict[str, Any]) -> None:
    """Another file or content, a bitfield of the wrong length, a spare bit."""
    other = serving.connect()
    (error,) = other.ask(**bad)
    assert (error["type"], error["request"]) == ("ERROR", "PEER_WANT")
    assert error["filename"] == bad["filename"]
    assert other.ask(**want_list(1)) == [spare(1)]
    done(serving, other)


def test_hints_of_every_kind_do_no_harm(serving: Serving) -> None:
    """Chunks outside the file, files that are not shared, a flood of hints: none is answered."""
    other = serving.connect()
    assert other.ask(**want_list(4)) == [spare(4)]
    for chunknum in [-1, 5, 1 << 62, *range(3)] * 50:
        other.say(**have(chunknum))
        other.say(**have(chunknum, "other"))
    serving.clock.advance(0)
    assert other.heard() == []
    done(serving, other)


# The asking side


def connected(down: Downloader, turns: bool) -> MemoryTransport:
    """A connection to a source, which knows of turns or not."""
    far = down.connect()
    down.source.ping()
    far.take()
    if turns:
        far.say(type="PEER_TURNS")
    far.say(type="PEER_PING_PONG", turns=True)
    assert down.source.takes_turns == turns
    return far


def test_an_offer_is_taken_or_declined(down: Downloader) -> None:
    """What is not taken is declined, so that the source can turn to another."""
    far = connected(down, turns=True)
    taken: list[tuple[int, bool]] = []
    answers = {1: Answer.TAKEN, 2: Answer.DECLINED, 4: Answer.BUSY}

    def take(chunknum: int, spare: bool) -> Answer:
        taken.append((chunknum, spare))
        return answers[chunknum]

    down.source.want("f", down.info, ChunkSet.full(5), 2, take, lambda _: None)
    assert far.heard() == [want_list(0, 1, 2, 3, 4, room=2, root=down.info.root)]
    far.say(**offer(1))
    assert far.heard() == []
    far.say(**offer(2))
    assert (far.heard(), taken) == ([have(2)], [(1, False), (2, False)])
    far.say(**spare(4))
    assert far.heard() == [{"type": "PEER_BUSY", "filename": "f", "chunknum": 4}]
    assert taken.pop() == (4, True)
    down.source.ready("f")
    assert far.heard() == [{"type": "PEER_READY", "filename": "f"}]
    down.source.want_nothing("f", down.info)
    assert far.heard() == [want_list(room=0, root=down.info.root)]
    far.say(**offer(3))
    assert (far.heard(), taken) == ([have(3)], [(1, False), (2, False)])
    far.hang_up()


def test_an_offer_of_a_source_that_knows_no_turns_is_a_complaint(down: Downloader) -> None:
    """Such a source was told nothing, so the offer answers nothing."""
    far = connected(down, turns=False)
    far.say(**offer(1))
    assert far.heard()[0]["type"] == "ERROR"
    far.hang_up()


def test_a_refused_want_list_ends_no_connection(down: Downloader) -> None:
    """Other files may come over it."""
    far = connected(down, turns=True)
    refused: list[str] = []
    down.source.want("f", down.info, ChunkSet.full(5), 2, lambda *_: Answer.TAKEN, refused.append)
    far.take()
    far.say(type="ERROR", request="PEER_WANT", message="no\u0007", filename="f")
    assert refused == [r"no\u0007"]
    assert not far.aborted
    far.hang_up()


def test_a_source_that_owes_only_offers_must_be_alive(down: Downloader) -> None:
    """A dead connection is noticed although nothing is asked over it."""
    far = connected(down, turns=True)
    down.source.probe()
    assert far.heard() == []
    down.clock.advance(PROBE_SECONDS)
    down.source.probe()
    down.source.probe()
    assert far.heard() == [{"type": "PEER_PING_PONG", "turns": True}]
    for _ in range(round(SILENCE) + 1):
        down.clock.advance(1.0)
    assert far.aborted


def test_both_ends_together(serving: Serving, down: Downloader) -> None:
    """A whole file by offers: each is fetched, and its arrival brings the next."""
    ours, theirs = down.connect(), serving.connect()
    down.source.ping()
    join(ours, theirs)

    def take(chunknum: int, spare: bool) -> Answer:
        fetched = down.fetch(chunknum)
        fetched.addCallback(lambda _: down.sinks[chunknum].finish())
        fetched.addCallback(lambda _: down.source.have("f", chunknum))
        return Answer.TAKEN

    down.source.want("f", down.info, ChunkSet.full(5), 2, take, lambda _: None)
    join(ours, theirs)
    assert down.written() == DATA
    ours.hang_up()
    done(serving, theirs)
