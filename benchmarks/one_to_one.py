"""One source to one peer, against the floors, against libtorrent, and against nginx with curl."""

from __future__ import annotations

from typing import NamedTuple

from benchmarks.problems import Skipped
from benchmarks.report import GIB, Report, Verdict, comparison
from benchmarks.rivals import floor, torrent, web
from benchmarks.stage import Settings, Stage
from benchmarks.timing import Samples, cpu_ratio, interleave, time_ratio
from benchmarks.transfers import Transfer

P2PFS = "p2pfs"
P2PFS_SHA256 = "p2pfs, SHA-256"


class Target(NamedTuple):
    """At most how many times the floor's time with the same hash, and libtorrent's, it may take."""

    name: str
    floor: str
    of_floor: float
    of_time: float
    of_processor: float


TARGETS = [
    Target(P2PFS, floor.FLOOR_BLAKE3, 1.35, 0.60, 0.55),
    Target(P2PFS_SHA256, floor.FLOOR, 1.30, 0.75, 0.65),
]


def run(settings: Settings) -> Report:
    """Let all that are installed take turns."""
    size = settings.size(1024)
    with Stage(settings, 5 * size) as stage:
        original = stage.random_file("original", size)
        stage.tracker()
        source, downloader = stage.peer("source"), stage.peer("downloader")
        source.ask("publish", str(original))
        other = original.with_name("other")
        other.hardlink_to(original)
        source.ask("publish", "--hash", "sha256", str(other))
        contenders = [
            *(
                Transfer(stage, path.name, [downloader], [source]).contender(title, path)
                for title, path in ((P2PFS, original), (P2PFS_SHA256, other))
            ),
            *floor.contenders(stage, original),
        ]
        skipped = []
        for rival in (torrent, web):
            try:
                contenders.append(rival.contender(stage, original))
            except Skipped as reason:
                skipped.append(f"{rival.NAME} was left out: {reason}")
        samples = interleave(contenders, settings.runs, stage.guard(size, size))
        report = comparison(
            f"one_to_one: {size / GIB:g} GiB from one source to one peer",
            samples,
            floor.FLOOR,
            size,
        )
        report.verdicts = _verdicts(samples)
        report.notes = [
            f"'{floor.FLOOR}' is one thread that receives, hashes and writes; "
            f"'{floor.TWO_THREADS}' writes into a file that is allocated before its time begins.",
            *skipped,
        ]
        report.peaks = stage.note_peaks()
        return report


def _verdicts(samples: Samples) -> list[Verdict]:
    verdicts = []
    for each in TARGETS:
        ratio = time_ratio(samples, each.name, each.floor)
        verdicts.append(Verdict(f"{each.name}: time / {each.floor}", ratio, each.of_floor))
        if torrent.NAME in samples:
            ratio = time_ratio(samples, each.name, torrent.NAME)
            verdicts.append(Verdict(f"{each.name}: time / libtorrent", ratio, each.of_time))
            processor = cpu_ratio(samples, each.name, torrent.NAME)
            if processor is not None:
                name = f"{each.name}: processor time / libtorrent"
                verdicts.append(Verdict(name, processor, each.of_processor))
    if web.NAME in samples:
        verdicts.append(Verdict("time / nginx to curl", time_ratio(samples, P2PFS, web.NAME), 1.1))
    return verdicts
