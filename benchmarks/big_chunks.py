"""Chunks of 64 MiB against those of 1 MiB.

A publisher chooses 1 MiB for a file of this size, so both shares, of one and the
same file, are put on the source's record before it starts.
"""

from __future__ import annotations

from benchmarks.report import GIB, MIB, Report, comparison
from benchmarks.shares import hashed_share, put_on_record
from benchmarks.stage import Settings, Stage
from benchmarks.timing import interleave
from benchmarks.transfers import Transfer

CHUNKS = {"chunks of 1 MiB": MIB, "chunks of 64 MiB": 64 * MIB}


def run(settings: Settings) -> Report:
    """Fetch the file under two names."""
    size = settings.size(1024)
    with Stage(settings, 2 * size) as stage:
        original = stage.random_file("original", size)
        names = {title: f"in-{chunksize}" for title, chunksize in CHUNKS.items()}
        put_on_record(
            stage.state("source"),
            [hashed_share(names[title], original, CHUNKS[title]) for title in CHUNKS],
        )
        stage.tracker()
        source, downloader = stage.peer("source"), stage.peer("downloader")
        contenders = [
            Transfer(stage, remote, [downloader], [source]).contender(title, original)
            for title, remote in names.items()
        ]
        samples = interleave(contenders, settings.runs, stage.guard(size, size))
        report = comparison(
            f"big_chunks: {size / GIB:g} GiB in chunks of two sizes",
            samples,
            next(iter(CHUNKS)),
            size,
        )
        report.peaks = stage.note_peaks()
        return report
