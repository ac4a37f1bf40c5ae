"""Crowds as a tracker has them: what peers may say, what it costs, and what it changes."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from p2pfs.chunks import FileInfo
from p2pfs.tracker import crowds
from p2pfs.tracker.commands import tracker_commands
from p2pfs.tracker.crowd import Crowd, CrowdFigures
from p2pfs.tracker.crowds import Crowds
from p2pfs.wire.messages import MOST_RATE
from tests.memory_transport import MemoryTransport
from tests.tracker.tracker_connections import INFO, MemoryTracker

LEAST = "times the least possible time"


def location(peer: MemoryTransport, name: str = "f") -> dict[str, Any]:
    """What the tracker says where a file is."""
    reply: dict[str, Any]
    (reply,) = peer.ask(type="REQUEST_FILE_LOCATION", filename=name)
    assert reply["type"] == "REPLY_FILE_LOCATION", reply
    return reply


def tell(peer: MemoryTransport, chunknum: int, name: str = "f", **fields: Any) -> None:
    """Have a peer register a chunk, and say something of its line."""
    fields = {"filename": name, "chunknum": chunknum, **fields}
    assert peer.ask(type="REQUEST_CHUNK_REGISTER", **fields) == []


def crowd_of(count: int) -> tuple[MemoryTracker, MemoryTransport, list[MemoryTransport]]:
    """A tracker, a source, and so many who have asked where the file is."""
    tracker = MemoryTracker()
    source = tracker.join("192.0.2.1")
    tracker.share(source)
    peers = [tracker.join(f"192.0.2.{10 + number}") for number in range(count)]
    for peer in peers:
        location(peer)
    return tracker, source, peers


async def answer(tracker: MemoryTracker) -> Any:
    """What ``list_files`` shows."""

    class Service:
        reactor, directory, factory = tracker.clock, tracker.directory, tracker.factory

    commands = tracker_commands(Service(), pytest.fail)  # type: ignore[arg-type]  # all that it needs
    return await commands.run(commands.definitions.parse_line("list_files"), lambda progress: None)


def listed(tracker: MemoryTracker) -> tuple[dict[str, Any] | None, str]:
    """What ``list_files`` says of the crowd, for scripts and for people."""
    coroutine = answer(tracker)
    try:
        coroutine.send(None)
    except StopIteration as done:
        [entry] = done.value.data
        return entry["crowd"], done.value.lines[1].split("  ")[-1].strip()
    raise AssertionError("it waits for something")


def test_a_crowd_is_told_what_is_possible() -> None:
    """As soon as the rates are known; and the console says how it gets on, and how it went."""
    tracker, source, peers = crowd_of(2)
    assert listed(tracker)[1] == "0 of 2 have it"
    assert "rate" not in location(peers[0])
    tell(source, 0, up=4)
    for peer in peers:
        tell(peer, 0, up=4, down=50)
    assert location(peers[0])["crowd"] == 2
    assert location(peers[0])["rate"] == 3  # 4 / (1 + 1/5)
    for second in range(1, 5):
        tracker.clock.advance(1)
        for peer in peers:
            location(peer)
            tell(peer, second, up=4, down=50)
    crowd, text = listed(tracker)
    assert crowd is not None
    # Ten bytes at ten thirds of a byte a second would have been three seconds.
    assert crowd == {"present": 0, "finished": 2, "times_least": 1.333, "share": None}
    assert text == "2 of 2 have it, in 1.3 times the least possible time"
    assert "rate" not in location(peers[0])


def test_those_under_way_are_shown() -> None:
    """With their part of the rate that is possible."""
    tracker, source, [peer] = crowd_of(1)
    tell(source, 0, up=2)
    for second in range(8):
        tracker.clock.advance(1)
        location(peer)
        if second % 2:
            tell(peer, second // 2, down=50)
    crowd, text = listed(tracker)
    assert crowd is not None
    assert (crowd["present"], crowd["finished"], crowd["times_least"]) == (1, 0, None)
    assert crowd["share"] == pytest.approx(0.5, rel=0.25)
    assert text == f"0 of 1 have it, at {100 * crowd['share']:.0f} % of the possible rate"


@pytest.mark.parametrize(
    ("figures", "said", "text"),
    [
        (CrowdFigures(1, 0, None, 1.06), 1.0, "0 of 1 have it, at 100 % of the possible rate"),
        (CrowdFigures(1, 0, None, 1.45), None, "0 of 1 have it"),
        (
            CrowdFigures(0, 1, 0.97, None),
            1.0,
            f"1 of 1 have it, in 1.0 {LEAST}",
        ),
        (CrowdFigures(0, 1, 0.17, None), None, "1 of 1 have it"),
    ],
)
def test_better_than_possible_is_not_said(
    figures: CrowdFigures, said: float | None, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It shows that lines were not known; but rates are not measured exactly."""
    tracker, _, _ = crowd_of(1)
    monkeypatch.setattr(Crowds, "figures", lambda *_: figures)
    crowd, told = listed(tracker)
    assert crowd is not None
    assert (crowd["times_least"] or crowd["share"], told) == (said, text)


def test_peers_that_say_nothing_are_served_as_ever() -> None:
    """Old peers have crowds too, whose rates are not known; nothing else changes for them."""
    tracker, _, peers = crowd_of(2)
    for chunk in range(5):
        tracker.clock.advance(20)
        for peer in peers:
            assert location(peer).keys() - {"crowd"} == {
                "type",
                "filename",
                "fileinfo",
                "chunkinfo",
            }
            tell(peer, chunk)
    assert listed(tracker) == (
        {"present": 0, "finished": 2, "times_least": None, "share": None},
        "2 of 2 have it",
    )


def test_visitors_and_holders_are_no_crowd() -> None:
    """Who has not joined, and who has it all, and a file without chunks."""
    tracker, source, _ = crowd_of(0)
    visitor = tracker.connect("192.0.2.99")
    for peer in (visitor, source):
        assert "crowd" not in location(peer)
    assert listed(tracker) == (None, "1")
    empty = {"filesize": 0, "totalchunknum": 0}
    tracker.share(source, "e", **empty)
    assert "crowd" not in location(tracker.join("192.0.2.2"), "e")


@pytest.mark.parametrize("rate", [0, -1, MOST_RATE + 1, 1 << 63, 10**30])
def test_a_rate_that_is_none_is_ignored(rate: int) -> None:
    """What else the message says counts."""
    _, source, [peer] = crowd_of(1)
    tell(source, 0, up=rate)
    tell(peer, 2, up=rate, down=rate)
    assert "rate" not in location(peer)
    assert location(source)["chunkinfo"]["192.0.2.10:6881"] == "IA=="


@pytest.mark.parametrize("rate", ["5", 1.5, [1], True, {"a": 1}])
def test_a_rate_of_the_wrong_kind_is_an_error(rate: Any) -> None:
    """As any field of the wrong kind is."""
    _, source, _ = crowd_of(1)
    for field in ("up", "down"):
        fields = {"filename": "f", "chunknum": 0, field: rate}
        (error,) = source.ask(type="REQUEST_CHUNK_REGISTER", **fields)
        assert (error["type"], error["request"]) == ("ERROR", "REQUEST_CHUNK_REGISTER")


def test_lies_change_what_is_shown_and_nothing_else() -> None:
    """The same holders are named in the same order, whatever anybody says of lines."""
    replies = []
    for rates in ({}, {"up": MOST_RATE, "down": 1}, {"up": 1, "down": MOST_RATE}):
        _, source, peers = crowd_of(80)
        tell(source, 0, up=1000)
        for number, peer in enumerate(peers):
            tell(peer, number % 5, **rates)
        asked = [location(peer) for peer in peers]
        assert all(reply.get("rate", 1) <= MOST_RATE for reply in asked)
        for reply in asked:
            reply.pop("rate", None)
        replies.append(json.dumps(asked))
    assert replies[0] == replies[1] == replies[2]


def test_who_is_gone_is_out_of_the_crowd() -> None:
    """Whether it hangs up, or unpublishes, or another takes its address."""
    tracker, source, peers = crowd_of(4)
    for peer in peers:
        tell(peer, 0, up=10)
    tell(source, 0, up=10)
    peers[0].hang_up()
    peers[1].ask(type="REQUEST_UNPUBLISH", filename="f")
    tracker.join("192.0.2.12")
    assert location(peers[3])["crowd"] == 1
    source.hang_up()
    assert "rate" not in location(peers[3])


def test_another_content_has_another_crowd() -> None:
    """What was heard of the name before says nothing of it."""
    tracker, source, [peer] = crowd_of(1)
    tell(source, 0, up=10)
    source.hang_up()
    other = tracker.join("192.0.2.2")
    tracker.share(other, **{**INFO, "filesize": 9})
    assert listed(tracker)[0] is None
    reply = location(peer)
    assert (reply["crowd"], "rate" in reply) == (1, False)


def test_what_is_kept_of_crowds_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of which nothing was heard for longest are forgotten, whoever fills the tracker."""
    monkeypatch.setattr(crowds, "MOST_CROWDS", 50)
    monkeypatch.setattr(crowds, "MOST_MEMBERS", 120)
    tracker = MemoryTracker()
    source = tracker.join("192.0.2.1")
    peers = [tracker.join(f"192.0.2.{10 + number}") for number in range(10)]
    kept = tracker.factory.crowds
    for number in range(200):
        tracker.share(source, f"f{number}")
        tell(source, 0, f"f{number}", up=10)
        assert len(kept._crowds) <= 50
    for number in range(200):
        for peer in peers:
            location(peer, f"f{number}")
            tell(peer, 0, f"f{number}", up=5)
            assert kept._members == sum(map(len, kept._crowds.values())) <= 120
    assert location(peers[0], "f199")["crowd"] == 10
    assert location(peers[0], "f0")["crowd"] == 1
    for peer in (source, *peers):
        peer.hang_up()
    assert kept._members == sum(map(len, kept._crowds.values())) == 0


def test_a_member_takes_little_memory() -> None:
    """So that as many as there may be take less than 100 MB."""
    info, count = FileInfo(10, 5, 2), 5_000
    names = [f"192.0.2.{number}:6881" for number in range(count)]
    tracemalloc.start()
    try:
        crowd = Crowd(info, 0.0)
        for number, name in enumerate(names):
            crowd.asked(name, 0, 1.0 + number / count)
            crowd.told(name, 2, (1 << 40) + number, None, 2.0 + number / count)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(crowd) == count
    assert taken * crowds.MOST_MEMBERS / count < 100_000_000
