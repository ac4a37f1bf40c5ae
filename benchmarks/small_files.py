"""A directory of many small files, published by one peer and fetched by another."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.problems import BenchmarkFailed
from benchmarks.report import Report, Verdict
from benchmarks.stage import Daemon, Settings, Stage
from benchmarks.timing import Contender, Sample, interleave, median_seconds

FILE_SIZE = 10_000
TARGET = 5.0
PUBLISH = "publish"
FETCH = "fetch"


def run(settings: Settings) -> Report:
    """Every round has two new peers, which know nothing yet."""
    count = settings.count(2_000)
    with Stage(settings, 4 * count * 4096 * -(-FILE_SIZE // 4096)) as stage:
        folder = stage.directory / "folder"
        contents = _make(folder, count)
        stage.tracker()
        round_ = _Round(stage, folder)
        contenders = [
            Contender(PUBLISH, round_.publish),
            Contender(FETCH, round_.fetch, lambda: round_.check(contents)),
        ]
        samples = interleave(contenders, settings.runs, stage.guard(0))
        report = Report(
            f"small_files: {count:,} files of {FILE_SIZE:,} bytes",
            ["", "median", "files per second"],
            [
                [name, f"{median_seconds(taken):.2f} s", f"{count / median_seconds(taken):,.0f}"]
                for name, taken in samples.items()
            ],
            samples=samples,
        )
        report.verdicts = [Verdict("to fetch them", median_seconds(samples[FETCH]), TARGET, "s")]
        round_.end()
        report.peaks = stage.note_peaks()
        return report


class _Round:
    def __init__(self, stage: Stage, folder: Path) -> None:
        self._stage = stage
        self._folder = folder
        self._number = 0
        self._peers: list[Daemon] = []
        self._copy = stage.directory

    def publish(self) -> Sample:
        """Begin a round."""
        self.end()
        self._number += 1
        publisher = self._peer("publisher")
        return self._stage.measure(
            lambda: publisher.ask("publish", str(self._folder)), [publisher.process.pid]
        )

    def fetch(self) -> Sample:
        """Go on with it."""
        downloader = self._peer("downloader")
        self._copy = self._stage.directory / f"copy {self._number}"
        self._copy.mkdir()
        return self._stage.measure(
            lambda: downloader.ask("download", f"{self._folder.name}/", str(self._copy)),
            [peer.process.pid for peer in self._peers],
        )

    def check(self, contents: dict[str, bytes]) -> None:
        """Raise `BenchmarkFailed` unless every file is there and right."""
        if contents != {path.name: path.read_bytes() for path in self._copy.iterdir()}:
            raise BenchmarkFailed("What was fetched is not what was published.")

    def end(self) -> None:
        """End the round's peers."""
        while self._peers:
            self._stage.stop(self._peers.pop())

    def _peer(self, role: str) -> Daemon:
        peer = self._stage.peer(f"{self._number}/{role}")
        self._peers.append(peer)
        return peer


def _make(folder: Path, count: int) -> dict[str, bytes]:
    folder.mkdir()
    contents = {f"{number:05}.bin": os.urandom(FILE_SIZE) for number in range(count)}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return contents
