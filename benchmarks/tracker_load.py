"""One tracker with 5,000 peers: what it answers in a second, how quickly, and its memory."""

from __future__ import annotations

from statistics import median
from typing import Any

from benchmarks.processes import Worker, cpu_seconds, memory, time_limit
from benchmarks.report import Report, Verdict
from benchmarks.stage import Settings, Stage
from benchmarks.timing import Sample

PEERS = 5_000
SECONDS = 5.0
"""How long each measurement takes, unless there are only a few peers."""

MIXED = "mixed"
LOCATIONS = "locations"
REGISTRATIONS = {MIXED: 4, LOCATIONS: 0}
"""Chunk registrations for each location."""

LEAST_RATE = 15_000
MOST_KIB = 20
MOST_MS = 50
KIB = 1 << 10


def run(settings: Settings) -> Report:
    """All peers are of one worker; each has a loopback address of its own."""
    peers = PEERS if settings.peers is None else settings.peers
    seconds = SECONDS if peers >= 1000 else 0.2
    with Stage(settings, 0) as stage:
        tracker = stage.tracker().process.pid
        clients = stage.worker("clients", "benchmarks.tracker_clients")
        before = memory(tracker, "VmRSS")
        with time_limit(120, "joining"):
            clients.ask("join", stage.machines.port, peers)
        each = (memory(tracker, "VmRSS") - before) / peers / KIB
        report = Report(
            f"tracker_load: {peers:,} peers with 20 files each",
            ["", "requests/s", "per processor second", "p50", "p99", "worst"],
        )
        cores: dict[str, float] = {}
        rates: dict[str, list[float]] = {}
        samples: dict[str, list[Sample]] = {}
        with time_limit(60 + 6 * seconds * (settings.runs + 1), "asking"):
            for at in range(settings.runs + 1):
                for kind, registrations in REGISTRATIONS.items():
                    count, sample = _saturate(clients, tracker, registrations, seconds)
                    if at:
                        rates.setdefault(kind, []).append(count / sample.seconds)
                        samples.setdefault(kind, []).append(_per_request(count, sample))
            for kind, found in rates.items():
                cores[kind] = 1 / median(sample.cpu or 1.0 for sample in samples[kind])
                report.rows.append(
                    [kind, f"{median(found):,.0f}", f"{cores[kind]:,.0f}", "", "", ""]
                )
            rate = median(rates[LOCATIONS]) / 2
            times = [clients.ask("steady", rate, seconds) for _ in range(settings.runs)]
        p50, p99, worst = (1000 * median(t[key] for t in times) for key in ("p50", "p99", "worst"))
        report.rows.append(
            ["half of that", f"{rate:,.0f}", "", *(f"{t:.1f} ms" for t in (p50, p99, worst))]
        )
        report.verdicts = [
            *(
                Verdict(f"{kind}: requests in a processor second", rate, LEAST_RATE, at_least=True)
                for kind, rate in cores.items()
            ),
            Verdict("memory per peer", each, MOST_KIB, "KiB"),
            Verdict("p99 of locations at half their top rate", p99, MOST_MS, "ms"),
        ]
        report.notes = [
            "The processor seconds are the tracker's: what it does with a core of its own.",
            "'half of that' are locations, asked whether or not the answers before have come.",
        ]
        report.samples = samples
        report.peaks = stage.note_peaks()
        return report


def _saturate(
    clients: Worker, tracker: int, registrations: int, seconds: float
) -> tuple[int, Sample]:
    before = cpu_seconds([tracker])
    done: dict[str, Any] = clients.ask("saturate", registrations, seconds)
    return done["requests"], Sample(done["seconds"], cpu_seconds([tracker]) - before)


def _per_request(count: int, sample: Sample) -> Sample:
    return Sample(sample.seconds / count, (sample.cpu or 0.0) / count)
