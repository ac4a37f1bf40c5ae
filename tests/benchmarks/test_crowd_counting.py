"""What is counted of a crowd, and what is refused before it begins."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from benchmarks.crowd import room
from benchmarks.crowd.counting import Traffic
from benchmarks.crowd.options import parse
from benchmarks.crowd.outcome import Outcome
from benchmarks.crowd.plan import Crowd
from benchmarks.crowd.room import place_for
from benchmarks.problems import Skipped
from p2pfs.testing import Network
from tests.simulation.parts import Pair

KIB = 1 << 10


def test_a_known_amount_is_counted(place: Path) -> None:
    """Messages, chunks and lines to the tracker are told apart, and count from the begin only."""
    with Network(place, Random(1), bulk=10) as network:
        tracker, one, other = (network.add_host(name) for name in ("tracker", "one", "other"))
        to_tracker, to_peer = Pair(one, tracker), Pair(one, other)

        def talk() -> None:
            to_tracker.client.transport.write(b'{"a":1}\n{"b":2}\n')
            to_tracker.server.transport.write(b'{"reply":3}\n')
            to_peer.client.transport.write(b'{"chunk":4}\n')
            to_peer.client.transport.write(b"x" * 500)
            to_peer.server.transport.write(b'{"have":5}\n')
            network.run(1)

        talk()
        traffic = Traffic(tracker, [one, other])
        assert (traffic.total, traffic.lines_to_tracker) == (0, 0)
        talk()
        talk()
        assert traffic.lines_to_tracker == 4
        assert traffic.payload == 2 * 5000
        assert traffic.control == 2 * (16 + 12 + 12 + 11)
        assert traffic.carried(one) == 2 * (16 + 12 + 5000)
        assert traffic.total == traffic.payload + traffic.control


def test_the_report_says_what_was_counted() -> None:
    """Each figure is in it with its unit; without them, as of real links, there is no such line."""
    outcome = Outcome(10.0, ends=[11.0, 12.0, 15.0], copies_of_source=1.2, overhead=0.01)
    assert "messages" not in outcome.report
    outcome = replace(outcome, control=0.0123, tracker_messages=0.5, events=[(3.0, "it rained")])
    assert "1.500 of the bound" in outcome.report
    assert "messages were 1.23 % of the chunks' bytes" in outcome.report
    assert "0.500 messages for a chunk" in outcome.report
    assert "at 3.00 s it rained" in outcome.report


def test_it_is_refused_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than filling up the memory; what would do is said, and a larger scale does."""
    monkeypatch.setattr(room, "free_room", lambda directory: 8 << 30)
    crowd = Crowd(1000, 1024, 256 * KIB, 5e6, 0.001)
    with pytest.raises(Skipped, match=r"1000 peers needs .* a larger --scale"):
        place_for(crowd, tmp_path)
    assert place_for(replace(crowd, scale=64), tmp_path) == tmp_path
    with pytest.raises(Skipped, match="nothing can be written"):
        place_for(replace(crowd, scale=64), tmp_path / "missing")


def test_it_is_refused_without_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand databases do not open where the system allows a thousand files."""
    monkeypatch.setattr(room, "free_descriptors", lambda: 1000)
    room.check_descriptors(Crowd(100, 1, KIB, 5e6, 0.001))
    with pytest.raises(Skipped, match="ulimit"):
        room.check_descriptors(Crowd(1000, 1, KIB, 5e6, 0.001))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--case", "rainy"], "invalid choice"),
        (["--peers", "0"], "--peers must be more than 0"),
        (["--scale", "3"], "choose a power of two"),
        (["--latency-ms", "-1"], "must be 0 or more"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one sentence, before anything is begun."""
    with pytest.raises(SystemExit):
        parse(arguments)
    assert complaint in capsys.readouterr().err


def test_the_command_does_it(tmp_path: Path) -> None:
    """A case by its name, with a picture; twice the same, whatever Python hashes strings to."""
    outputs = []
    for hash_seed in ("1", "2"):
        svg = tmp_path / f"{hash_seed}.svg"
        command = [sys.executable, "-m", "benchmarks.crowd", "--case", "dying-tenth", "--svg", svg]
        command += ["--peers", "4", "--chunks", "16", "--chunk-kib", "64", "--scale", "16"]
        ran = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=60,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
        )
        assert ran.returncode == 0, ran.stderr
        outputs.append((ran.stdout, svg.read_text()))
    assert outputs[0] == outputs[1]
    text, picture = outputs[0]
    assert "a peer was killed" in text
    assert picture.count("<polyline") == 4
