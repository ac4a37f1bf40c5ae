"""A private tracker's members: 200 that join by one invitation, 5,000 that are connected."""

from __future__ import annotations

import time
from statistics import median

from benchmarks.processes import Worker, cpu_seconds, memory, time_limit
from benchmarks.report import Report, Verdict
from benchmarks.stage import Settings, Stage, until
from benchmarks.timing import Sample

JOINING = 200
CONNECTED = 5_000
PEERS = 2

MOST_SECONDS = 10
MOST_KIB = 60
MOST_UNTIL_REFUSED = 5
KIB = 1 << 10


def run(settings: Settings) -> Report:
    """All members are of one worker; each that is connected has a loopback address of its own."""
    joining = JOINING if settings.peers is None else settings.peers
    connected = CONNECTED if settings.peers is None else settings.peers
    with Stage(settings, 0) as stage:
        machines = stage.private
        tracker = machines.tracker()
        pid = tracker.process.pid
        clients = stage.worker("clients", "benchmarks.member_clients")
        found: list[Sample] = []
        for at in range(settings.runs):
            given = machines.invite("--uses", str(joining))
            before = cpu_seconds([pid])
            with time_limit(120, "joining"):
                seconds = clients.ask("join", given, f"run{at}", joining)
            found.append(Sample(seconds, cpu_seconds([pid]) - before))
        seconds = median(sample.seconds for sample in found)
        before_rss = memory(pid, "VmRSS")
        with time_limit(240, "connecting"):
            began = time.perf_counter()
            clients.ask("connect", str(tracker.state), machines.port, connected)
            connecting = time.perf_counter() - began
        each = (memory(pid, "VmRSS") - before_rss) / connected / KIB
        refused = _until_refused(stage, clients)
        processor = median(sample.cpu or 0.0 for sample in found)
        report = Report(
            f"members: {joining} that join by one invitation, {connected:,} that are connected",
            ["", "seconds", "tracker's processor seconds"],
            [
                [f"{joining} join", f"{seconds:.2f}", f"{processor:.2f}"],
                [f"{connected:,} connect", f"{connecting:.1f}", ""],
                ["from revoke to the last refusal", f"{refused:.2f}", ""],
            ],
        )
        report.verdicts = [
            Verdict(f"{joining} join", seconds, MOST_SECONDS, "s"),
            Verdict("memory per connected member", each, MOST_KIB, "KiB"),
            Verdict("from revoke to the last refusal", refused, MOST_UNTIL_REFUSED, "s"),
        ]
        report.notes = ["Those that join make their keys and check the tracker in that time, too."]
        report.samples = {"join": found}
        report.peaks = stage.note_peaks()
        return report


def _until_refused(stage: Stage, clients: Worker) -> float:
    """Seconds from ``revoke`` until a member is connected nowhere, and let in nowhere."""
    machines = stage.private
    ports = [machines.port]
    for number in range(PEERS):
        peer = machines.peer(f"peer{number}")
        ports.append(int(peer.ask("status")["listening"].rpartition(":")[2]))
    given = machines.invite()
    clients.ask("hold", given, "bad", ports)
    began = time.perf_counter()
    machines.run("tracker", "tracker", "revoke", "bad")
    until(lambda: clients.ask("is_out", ports))
    return time.perf_counter() - began
