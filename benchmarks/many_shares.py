"""From the start of a peer with 10,000 shares to the tracker listing them all.

The files are sparse and their digests made up: hashing 1 TB would take an hour,
and a peer that comes back does not read what it shares anyway.
"""

from __future__ import annotations

import json
import os
import socket
import time

from benchmarks.problems import BenchmarkFailed
from benchmarks.report import Report, Verdict
from benchmarks.shares import made_up_share, put_on_record
from benchmarks.stage import Daemon, Settings, Stage, until
from benchmarks.timing import Contender, Sample, interleave, median_seconds

FILE_SIZE = 100_000_000
TARGET = 3.0
EMPTY = "an empty peer"
FULL = "a peer with shares"
PAUSE = 0.01
"""Seconds between two looks at the tracker; each look is cheap."""


def run(settings: Settings) -> Report:
    """Start a peer with shares and one without, in turns."""
    count = settings.count(10_000)
    with Stage(settings, count * 8192) as stage:
        folder = stage.directory / "shares"
        folder.mkdir()
        shares = []
        for number in range(count):
            path = folder / f"{number:05}"
            with path.open("wb") as file:
                os.truncate(file.fileno(), FILE_SIZE)
            shares.append(made_up_share(f"shares/{path.name}", path))
        put_on_record(stage.state(FULL), shares)
        tracker = stage.tracker()
        contenders = [
            Contender(EMPTY, lambda: _start(stage, tracker, EMPTY, 0)),
            Contender(FULL, lambda: _start(stage, tracker, FULL, count)),
        ]
        samples = interleave(contenders, settings.runs, stage.guard(0))
        report = Report(
            f"many_shares: {count:,} shares of {FILE_SIZE:,} bytes, from start to all listed",
            ["", "median"],
            [[name, f"{median_seconds(taken):.2f} s"] for name, taken in samples.items()],
            samples=samples,
        )
        report.verdicts = [
            Verdict("until all is listed", median_seconds(samples[FULL]), TARGET, "s")
        ]
        report.peaks = stage.note_peaks()
        return report


def _start(stage: Stage, tracker: Daemon, name: str, count: int) -> Sample:
    """Start a peer, wait until all it has is listed, and end it again."""
    peers: list[Daemon] = []

    def start() -> None:
        options = ("--tracker", f"tcp:127.0.0.1:{stage.machines.port}")
        peer = Daemon("peer", stage.state(name), *options)
        stage.machines.daemons.append(peer)
        peers.append(peer)
        if count:
            _await_last(stage.machines.port, f"shares/{count - 1:05}", peer)
        until(lambda: len(tracker.ask("list_files")) == count, 60)
        peer.ready()
        if not count:
            until(lambda: peer.ask("status")["joined_as"])

    sample = stage.measure(start)
    stage.stop(peers[0])
    stage.machines.daemons.remove(peers[0])
    until(lambda: not tracker.ask("list_files"))
    return sample


def _await_last(port: int, last: str, peer: Daemon) -> None:
    """Ask the tracker for one name until it is listed.

    To list everything each time would keep the tracker from its work, and the
    name that sorts last is likely to come last.
    """
    request = json.dumps({"type": "REQUEST_FILE_LIST", "prefix": last}).encode() + b"\n"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        lines = connection.makefile("rb")
        while True:
            connection.sendall(request)
            if json.loads(lines.readline())["filelist"]:
                return
            if peer.process.poll() is not None:
                raise BenchmarkFailed("The peer ended before it had told its tracker.")
            time.sleep(PAUSE)  # a tracker tells of nothing unasked; `stage.guard` ends it
