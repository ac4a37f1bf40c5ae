"""How much more memory than an idle peer source and downloader take at most, for a large file."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from benchmarks.processes import memory, reset_peak
from benchmarks.report import GIB, MIB, Report, Verdict, mib
from benchmarks.shares import hashed_share, put_on_record
from benchmarks.stage import Settings, Stage
from benchmarks.timing import Contender, Sample, interleave, median_seconds
from benchmarks.transfers import Transfer

CHUNKS = {"chunks of 1 MiB": MIB, "chunks of 64 MiB": 64 * MIB}
TARGET_MIB = 48


def run(settings: Settings) -> Report:
    """Every run has a source and a downloader that have done nothing yet."""
    size = settings.size(4096)
    with Stage(settings, 2 * size) as stage:
        original = stage.random_file("original", size)
        stage.tracker()
        idle = stage.peer("idle")
        shapes = [_Shape(stage, idle.process.pid, original, *item) for item in CHUNKS.items()]
        contenders = [Contender(shape.title, shape.run, shape.forget) for shape in shapes]
        samples = interleave(contenders, settings.runs, stage.guard(size, size))
        report = Report(
            f"memory: over an idle peer, at most, while moving {size / GIB:g} GiB",
            ["", "source", "downloader", "time"],
            samples=samples,
        )
        for shape in shapes:
            source, downloader = median(shape.sources), median(shape.downloaders)
            seconds = median_seconds(samples[shape.title])
            report.rows.append(
                [shape.title, mib(int(source)), mib(int(downloader)), f"{seconds:.2f} s"]
            )
            report.verdicts += [
                Verdict(f"{shape.title}: {name}", over / MIB, TARGET_MIB, "MiB")
                for name, over in (("source", source), ("downloader", downloader))
            ]
        report.notes = [f"An idle peer has {mib(memory(idle.process.pid, 'VmRSS'))}."]
        if not all(shape.reset for shape in shapes):
            report.notes.append("The peaks could not be reset, and so include the start.")
        report.peaks = stage.note_peaks()
        return report


class _Shape:
    """Transfers in chunks of one size, and the peaks they made."""

    def __init__(self, stage: Stage, idle: int, original: Path, title: str, chunksize: int) -> None:
        self.title = title
        self.sources: list[int] = []
        self.downloaders: list[int] = []
        self.reset = True
        self._stage = stage
        self._idle = idle
        self._share = hashed_share(f"{chunksize // MIB}-MiB", original, chunksize)
        self._number = 0

    def run(self) -> Sample:
        """Move the file between two new peers."""
        self._number += 1
        stage, name = self._stage, self._share.name
        places = [f"{self._number}/{role} {name}" for role in ("source", "downloader")]
        put_on_record(stage.state(places[0]), [self._share])
        source, downloader = (stage.peer(place) for place in places)
        pids = [source.process.pid, downloader.process.pid]
        for pid in pids:
            self.reset = reset_peak(pid) and self.reset
        sample = Transfer(stage, self._share.name, [downloader], [source]).run()
        idle = memory(self._idle, "VmRSS")
        for pid, peaks in zip(pids, (self.sources, self.downloaders), strict=True):
            peaks.append(memory(pid, "VmHWM") - idle)
        for daemon in (source, downloader):
            stage.stop(daemon)
        return sample

    def forget(self) -> None:
        """The warm-up does not count."""
        self.sources.clear()
        self.downloaders.clear()
