"""Four sources to one peer, and one source to four peers, against one to one."""

from __future__ import annotations

from benchmarks.report import GIB, MIB, Report, Verdict, comparison
from benchmarks.shares import hashed_share, put_on_record
from benchmarks.stage import Settings, Stage
from benchmarks.timing import interleave, time_ratio
from benchmarks.transfers import Transfer
from p2pfs.hashing import Hash

MANY = 4
ONE_TO_ONE = "one to one"
MANY_TO_ONE = "four to one"
ONE_TO_MANY = "one to four"


def with_sha256(title: str) -> str:
    """The same with SHA-256; all else is with BLAKE3."""
    return f"{title}, SHA-256"


def run(settings: Settings) -> Report:
    """All sources share one and the same file, the first of them under a second name too."""
    size = settings.size(1024)
    with Stage(settings, (1 + MANY) * size) as stage:
        original = stage.random_file("original", size)
        names = [f"source {number}" for number in range(1, MANY + 1)]
        everywhere = [
            hashed_share("everywhere", original, MIB),
            hashed_share("everywhere, SHA-256", original, MIB, Hash.SHA256),
        ]
        for name in names:
            put_on_record(stage.state(name), everywhere)
        once = [
            hashed_share("once", original, MIB),
            hashed_share("once, SHA-256", original, MIB, Hash.SHA256),
        ]
        put_on_record(stage.state(names[0]), once)
        stage.tracker()
        sources = [stage.peer(name) for name in names]
        readers = [stage.peer(f"downloader {number}") for number in range(1, MANY + 1)]
        contenders = [
            Transfer(stage, remote, to, by).contender(name, original)
            for name, remote, to, by in (
                (ONE_TO_ONE, "once", readers[:1], sources[:1]),
                (MANY_TO_ONE, "everywhere", readers[:1], sources),
                (ONE_TO_MANY, "once", readers, sources[:1]),
                (with_sha256(ONE_TO_ONE), "once, SHA-256", readers[:1], sources[:1]),
                (with_sha256(MANY_TO_ONE), "everywhere, SHA-256", readers[:1], sources),
            )
        ]
        samples = interleave(contenders, settings.runs, stage.guard(MANY * size, MANY * size))
        report = comparison(
            f"many_sources: {size / GIB:g} GiB, several sources or several peers",
            samples,
            ONE_TO_ONE,
            size,
        )
        report.verdicts = [
            Verdict(f"{many} / {one}, time", time_ratio(samples, many, one), 1.1)
            for many, one in (
                (MANY_TO_ONE, ONE_TO_ONE),
                (with_sha256(MANY_TO_ONE), with_sha256(ONE_TO_ONE)),
            )
        ]
        report.notes = [
            f"'{ONE_TO_MANY}' is the time until the last of four copies is whole; rate and "
            "processor time are per copy and for all together.",
        ]
        report.peaks = stage.note_peaks()
        return report
