"""What the commands of a tracker show."""

from __future__ import annotations

from datetime import datetime

import pytest

from p2pfs.console.command import Answer
from p2pfs.testing import Network, Swarm
from p2pfs.testing.disk import EPOCH_NS, SECOND_NS
from p2pfs.tracker.commands import tracker_commands
from tests.tracker.tracker_connections import INFO, MemoryTracker


def test_who_is_connected_is_here_since_a_time_of_day(network: Network) -> None:
    """By the tracker's clock, right or wrong; the seconds of its timers mean nothing to people."""
    swarm = Swarm(network)
    host = network.add_host("tracker")
    tracker = swarm.start_tracker(host)
    network.run(100)
    swarm.start_peer(network.add_host("early"), host)
    network.run(100)
    host.drive.clock_offset = 3600
    swarm.start_peer(network.add_host("late"), host)
    network.run(100)
    commands = tracker_commands(tracker.tracker, tracker.listen_also)
    asked = commands.run(commands.definitions.parse_line("list_peers"), lambda _: None)
    answer = network.result_of(asked, 1)
    began = EPOCH_NS / SECOND_NS
    seconds = [round(peer["since"] - began) for peer in answer.data]
    assert seconds == [100, 200 + 3600]
    for line, since in zip(answer.lines[1:], seconds, strict=True):
        assert f"{datetime.fromtimestamp(began + since):%Y-%m-%d %H:%M:%S}" in line


def ask(tracker: MemoryTracker, line: str) -> Answer:
    """The answer of a command of a tracker in memory."""

    class Service:
        reactor, directory, factory = tracker.clock, tracker.directory, tracker.factory

    commands = tracker_commands(Service(), pytest.fail)  # type: ignore[arg-type]  # all they need
    answers: list[Answer] = []
    commands.run(commands.definitions.parse_line(line), lambda _: None).addCallback(answers.append)
    return answers[0]


def test_who_is_here_is_shown_with_what_it_holds() -> None:
    """Files, and the bytes of the chunks that it has; sorted by address."""
    tracker = MemoryTracker()
    second, first = tracker.join("192.0.2.2"), tracker.join("192.0.2.1")
    tracker.connect("192.0.2.3")  # a visitor is no peer
    tracker.share(first)
    second.say(type="REQUEST_CHUNK_REGISTER", filename="f", chunks="iA==", fileinfo=INFO)
    tracker.clock.advance(0)
    answer = ask(tracker, "list_peers")
    shown = [(peer["address"], peer["files"], peer["bytes"]) for peer in answer.data]
    assert shown == [("192.0.2.1:6881", 1, 10), ("192.0.2.2:6881", 1, 4)]
    assert {peer["reachable"] for peer in answer.data} == {None}
    assert all(line.endswith("not known") for line in answer.lines[1:])


def test_chunks_are_shown_by_their_runs() -> None:
    """Of each holder; a file that nobody offers is a sentence."""
    tracker = MemoryTracker()
    tracker.share(tracker.join("192.0.2.1"))
    part = tracker.join("192.0.2.2")
    part.say(type="REQUEST_CHUNK_REGISTER", filename="f", chunks="2A==")
    tracker.clock.advance(0)
    answer = ask(tracker, "list_chunkinfo f")
    assert answer.data == {"192.0.2.1:6881": [[0, 4]], "192.0.2.2:6881": [[0, 1], [3, 4]]}
    assert len(answer.lines) == 3


def test_nothing_is_a_sentence() -> None:
    """An empty table would look like a fault."""
    tracker = MemoryTracker()
    assert ask(tracker, "list_peers").lines == ["No peer is here."]
    assert ask(tracker, "list_files").lines == ["The tracker lists no file."]
