"""The tracker's answer to ``list_files``."""

from __future__ import annotations

import pytest

from p2pfs.console.command import Answer
from p2pfs.tracker import listing
from p2pfs.tracker.commands import tracker_commands
from tests.tracker.test_commands import ask
from tests.tracker.tracker_connections import INFO, MemoryTracker


def offering(*names: str) -> MemoryTracker:
    """A tracker at which a peer offers files of these names."""
    tracker = MemoryTracker()
    peer = tracker.join("192.0.2.1")
    for name in names:
        peer.say(type="REQUEST_PUBLISH", filename=name, fileinfo=INFO)
    tracker.clock.advance(0)
    return tracker


def names(answer: Answer) -> list[str]:
    return [file.get("name", "more") for file in answer.data]


def test_files_are_shown_with_their_copies() -> None:
    """How many hold something, and how many all of it."""
    tracker = offering("f")
    part = tracker.join("192.0.2.2")
    part.say(type="REQUEST_CHUNK_REGISTER", filename="f", chunknum=0)
    tracker.clock.advance(0)
    answer = ask(tracker, "list_files")
    [shown] = answer.data
    assert (shown["size"], shown["chunks"], shown["hash"]) == (10, 5, "sha256")
    assert (shown["holders"], shown["whole_copies"], shown["crowd"]) == (2, 1, None)
    assert answer.lines[-1] == "1 file, 10 B."


def test_it_understands_what_a_peer_does() -> None:
    """Patterns, orders, bounds, and how to go on."""
    tracker = offering("a.iso", "b.iso", "b.txt", "c/a.iso")
    assert names(ask(tracker, "list_files '*.iso'")) == ["a.iso", "b.iso", "c/a.iso"]
    assert names(ask(tracker, "list_file b --sort size")) == ["b.iso", "b.txt"]
    assert names(ask(tracker, "list_files --most 1 --after a.iso")) == ["b.iso", "more"]
    tracker.clock.advance(7200)
    tracker.share(tracker.join("192.0.2.2"), "z")
    assert names(ask(tracker, "list_files --sort new --most 1")) == ["z", "more"]
    [_, first, *_, last, _] = ask(tracker, "list_files --long").lines
    assert ("2 hours" in first, "2 hours" in last) == (True, False)
    assert ask(tracker, "list_files 'x*'").lines == ["The tracker lists no file that fits 'x*'."]


def test_a_long_list_lets_peers_have_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A million names are not gone through in one go; what changes meanwhile does no harm."""
    monkeypatch.setattr(listing, "PAGE", 3)
    tracker = offering(*"abcdefgh")
    answers: list[Answer] = []

    class Service:
        reactor, directory, factory = tracker.clock, tracker.directory, tracker.factory

    commands = tracker_commands(Service(), pytest.fail)  # type: ignore[arg-type]  # all they need
    call = commands.definitions.parse_line("list_files")
    commands.run(call, lambda _: None).addCallback(answers.append)
    assert not answers
    tracker.directory.unpublish("192.0.2.1:6881", "c")
    tracker.directory.unpublish("192.0.2.1:6881", "e")
    for _ in range(3):
        tracker.clock.advance(0)
    assert names(answers[0]) == list("abcdfgh")
