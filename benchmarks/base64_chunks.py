"""A plain JSON client that takes chunks in base64, against the same one that takes them raw."""

from __future__ import annotations

from benchmarks.problems import BenchmarkFailed
from benchmarks.report import GIB, MIB, Report, Verdict, comparison
from benchmarks.rivals import json_client
from benchmarks.stage import Settings, Stage
from benchmarks.timing import Contender, interleave, time_ratio
from tests.processes.daemons import sha256

RAW = "raw"
BASE64 = "base64"
SLOW_BASE64 = "base64, slow client"


def run(settings: Settings) -> Report:
    """Both fetch every chunk from one peer and drop it."""
    size = settings.size(1024)
    with Stage(settings, size) as stage:
        original = stage.random_file("original", size)
        stage.tracker()
        source = stage.peer("source")
        source.ask("publish", str(original))
        host, _, port = source.ask("status")["joined_as"].rpartition(":")
        client = stage.worker("client", json_client.__name__)
        where = [host, int(port), original.name, -(-size // MIB)]

        def fetch(raw: bool, fast: bool, checking: bool) -> None:
            received, wrong, digest = client.ask("fetch", *where, raw, fast, checking)
            if (received, wrong) != (size, 0) or (checking and digest != sha256(original)):
                raise BenchmarkFailed("The client did not get what it asked for.")

        def contender(name: str, raw: bool, fast: bool) -> Contender:
            return Contender(
                name,
                lambda: stage.measure(lambda: fetch(raw, fast, False), [source.process.pid]),
                lambda: fetch(raw, fast, checking=True),
            )

        contenders = [
            contender(RAW, True, True),
            contender(BASE64, False, True),
            contender(SLOW_BASE64, False, False),
        ]
        samples = interleave(contenders, settings.runs, stage.guard(2 * size))
        report = comparison(
            f"base64: {size / GIB:g} GiB to a client that speaks plain JSON", samples, RAW, size
        )
        rate = 1 / time_ratio(samples, BASE64, RAW)
        report.verdicts = [Verdict("rate / raw", rate, 1 / 3, at_least=True)]
        report.notes = [
            "The client stores nothing of what it gets, and checks it in the warm-up only. The "
            "processor time is the source's.",
            f"'{SLOW_BASE64}' decodes with Python's standard library, which takes longer than all "
            f"else: rate / raw {1 / time_ratio(samples, SLOW_BASE64, RAW):.2f}.",
        ]
        report.peaks = stage.note_peaks()
        return report
