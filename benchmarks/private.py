"""What it costs that a swarm is private: the same file in an open one, and nginx with TLS."""

from __future__ import annotations

from benchmarks.problems import Skipped
from benchmarks.report import GIB, Report, Verdict, comparison
from benchmarks.rivals import web
from benchmarks.stage import Settings, Stage
from benchmarks.timing import cpu_ratio, interleave, time_ratio
from benchmarks.transfers import Transfer

OPEN = "open"
PRIVATE = "private"


def run(settings: Settings) -> Report:
    """Let both kinds of swarm take turns."""
    size = settings.size(1024)
    with Stage(settings, 4 * size) as stage:
        original = stage.random_file("original", size)
        contenders = []
        for name, machines in ((OPEN, stage.machines), (PRIVATE, stage.private)):
            machines.tracker()
            source, downloader = (machines.peer(f"{name}-{who}") for who in ("source", "sink"))
            source.ask("publish", str(original))
            transfer = Transfer(stage, original.name, [downloader], [source])
            contenders.append(transfer.contender(name, original))
        notes = []
        try:
            contenders.append(web.contender(stage, original, with_tls=True))
        except Skipped as reason:
            notes.append(f"{web.NAME_WITH_TLS} was left out: {reason}")
        samples = interleave(contenders, settings.runs, stage.guard(size, size))
        report = comparison(
            f"private: {size / GIB:g} GiB from one source to one peer, open and private",
            samples,
            OPEN,
            size,
        )
        report.verdicts = [Verdict("private / open, time", time_ratio(samples, PRIVATE, OPEN), 1.8)]
        processor = cpu_ratio(samples, PRIVATE, OPEN)
        if processor is not None:
            report.verdicts.append(Verdict("private / open, processor time", processor, 2.0))
        if web.NAME_WITH_TLS in samples:
            ratio = time_ratio(samples, PRIVATE, web.NAME_WITH_TLS)
            report.verdicts.append(Verdict(f"private / {web.NAME_WITH_TLS}, time", ratio, 1.5))
        report.notes = notes
        report.peaks = stage.note_peaks()
        return report
