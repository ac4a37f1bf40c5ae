"""One history: the plan carried out on a simulated network, and what is wrong afterwards."""

from __future__ import annotations

import gc
import weakref
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, eventAsText, globalLogPublisher
from twisted.python.failure import Failure

from p2pfs.errors import (
    AlreadyExists,
    Cancelled,
    DownloadFailed,
    NotFound,
    P2pfsError,
    StorageProblem,
    TrackerUnavailable,
)
from p2pfs.peer.job import Fetched
from p2pfs.peer.service import PeerService
from p2pfs.testing import Connection, Host, Network, Swarm, download, publish
from p2pfs.tracker.service import TrackerService
from soak.faults import RESTART_SECONDS, Faults
from soak.liar import start_liar
from soak.plan import TRACKER, Cancel, Fault, Fetch, FilePlan, HostPlan, Plan, Publish, Unpublish
from soak.witness import Attempt, Witness

RETRY_SECONDS = 5.0
"""After what time a daemon that could not start is started again."""
SUPERVISOR_SECONDS = 80.0
"""After what time a daemon that ended is started again, if no fault's end did so before."""
LONGEST_DOWNLOAD = 400.0
"""Seconds after the last fault within which every download must have ended."""
SETTLE_SECONDS = 130.0
"""For half-open connections to be noticed, and for peers to join again."""


@dataclass
class Report:
    """What came of a history."""

    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0
    events: int = 0
    delivered: int = 0
    failed: int = 0
    log: list[str] = field(default_factory=list)


class History:
    """Carries a plan out below a directory."""

    def __init__(self, plan: Plan, directory: Path, memory: bool = False) -> None:
        """With ``memory`` it also looks for connections kept in memory, which takes time."""
        self.plan = plan
        self._memory = memory
        self._random = Random(plan.seed)
        self._network = Network(directory, self._random)
        self._swarm = Swarm(self._network)
        self._report = Report()
        self._versions: dict[str, list[bytes]] = {}
        self._attempts: list[Attempt] = []
        self._connections: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._tracker = self._add(HostPlan(TRACKER, 5e6, 5e6, 0.0005))
        self._peers = [self._add(host) for host in plan.hosts]
        self._liars = [self._add(host) for host in plan.liars]
        self._witness = Witness(self._network, self._swarm, self._tracker)
        self._faults = Faults(self._network, self._start, self._stop_and_start)
        self._checked: dict[Path, tuple[int, int]] = {}
        self._over = False

    def run(self) -> Report:
        """Let it happen; the report says what went wrong."""
        observer: Any = self._logged
        globalLogPublisher.addObserver(observer)
        try:
            self._run()
        finally:
            globalLogPublisher.removeObserver(observer)
            self._network.close()
        self._report.seconds = self._network.timeline.now
        self._report.events = self._network.timeline.passed
        return self._report

    def _run(self) -> None:
        for host in (self._tracker, *self._peers):
            self._start(host)
        for host in self._liars:
            start_liar(host, self._tracker, Random(self._random.getrandbits(64)))
        for at, act in self.plan.acts:
            self._network.timeline.at(at, self._act, act)
        self._look()
        self._network.run(self.plan.end)
        for host in self._liars:
            host.kill()
        self._network.run(LONGEST_DOWNLOAD, lambda: not any(a.goes_on for a in self._attempts))
        self._check_ended()
        self._network.run(SETTLE_SECONDS)
        self._last_round()
        self._network.run(SETTLE_SECONDS)
        self._check_directory()
        if self._memory:
            self._check_memory()
        self._over = True
        self._stop_all()

    # What is done

    def _add(self, plan: HostPlan) -> Host:
        host = self._network.add_host(plan.name, plan.up, plan.down, plan.latency)
        (host.directory / "got").mkdir()
        return host

    def _start(self, host: Host) -> None:
        """Start a host's daemon, and again whenever it ends, unless that was a fault's doing."""
        if host in self._swarm.daemons or host in self._liars or not host.is_up or self._over:
            return
        try:
            if host is self._tracker:
                self._swarm.start_tracker(host)
            else:
                self._swarm.start_peer(host, self._tracker, smallest_chunk=self.plan.chunk_size)
        except P2pfsError as error:
            self._say(f"{host.name} cannot start: {error}")
            host.kill()
            self._network.timeline.after(RETRY_SECONDS, self._start, host)
        else:
            host.when_process_ends(lambda: self._process_ended(host))

    def _process_ended(self, host: Host) -> None:
        self._network.timeline.after(SUPERVISOR_SECONDS, self._start, host)
        for attempt in self._attempts:
            attempt.died |= attempt.host is host and attempt.outcome is None
        self._check_files()

    def _stop_and_start(self, host: Host) -> None:
        if host in self._swarm.daemons:
            stopped = self._swarm.stop(host)
            stopped.addCallback(
                lambda _: self._network.timeline.after(RESTART_SECONDS, self._start, host)
            )
            stopped.addErrback(self._defect)

    def _act(self, act: Any) -> None:
        self._say(f"{act}")
        if isinstance(act, Fault):
            self._faults.begin(act)
            return
        host = self._network.hosts[act.peer]
        peer = self._swarm.daemons.get(host)
        if not isinstance(peer, PeerService) or host.is_frozen:
            return
        match act:
            case Publish(_, file):
                self._publish(host, peer, file)
            case Unpublish(_, name):
                self._tolerate(Deferred.fromCoroutine(peer.publisher.unpublish(name)))
            case Fetch(_, name):
                self._fetch(host, peer, name)
            case Cancel(_, name):
                self._cancel(host, peer, name)

    def _publish(self, host: Host, peer: PeerService, file: FilePlan) -> None:
        path = host.directory / "own" / f"{file.content}" / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = Random(file.content).randbytes(file.size)
        if not path.exists():
            path.write_bytes(content)
        self._versions.setdefault(file.name, []).append(content)
        self._tolerate(publish(peer, path, file.name))

    def _fetch(self, host: Host, peer: PeerService, name: str, overwrite: bool = False) -> Attempt:
        attempt = Attempt(host, name, self._network.timeline.now)
        self._attempts.append(attempt)
        target = host.directory / "got" / name
        target.parent.mkdir(exist_ok=True)
        try:
            attempt.job, fetched = download(peer, name, target, overwrite)
        except P2pfsError as error:
            self._ended(error, attempt)
        else:
            fetched.addErrback(self._expected).addCallback(self._ended, attempt)
            fetched.addErrback(self._defect)
        return attempt

    def _cancel(self, host: Host, peer: PeerService, name: str) -> None:
        for attempt in self._attempts:
            attempt.cancelled |= attempt.host is host and attempt.name == name
        with suppress(NotFound):  # it is over already
            peer.downloads.cancel(name)

    @staticmethod
    def _expected(failure: Failure) -> P2pfsError:
        failure.trap(P2pfsError)
        assert isinstance(failure.value, P2pfsError)
        return failure.value

    def _tolerate(self, work: Deferred[Any]) -> None:
        """What a user asked for may be refused, but only in words."""
        work.addErrback(self._expected).addErrback(self._defect)

    def _ended(self, outcome: Fetched | P2pfsError, attempt: Attempt) -> None:
        attempt.outcome, attempt.ended = outcome, self._network.timeline.now
        self._say(f"{attempt.host.name} {attempt.name}: {outcome}")
        self._witness.look(attempt)
        if isinstance(outcome, Fetched):
            self._report.delivered += 1
            self._check_file(outcome.path)
            return
        self._report.failed += 1
        excused = isinstance(outcome, NotFound | TrackerUnavailable | AlreadyExists)
        excused |= isinstance(outcome, DownloadFailed) and not self._witness.could_have_finished(
            attempt
        )
        excused |= isinstance(outcome, StorageProblem) and attempt.disk_failed
        stopped = attempt.host not in self._swarm.daemons
        excused |= isinstance(outcome, Cancelled) and (attempt.cancelled or stopped)
        if not excused:
            self._problem(f"{attempt.host.name}'s download of '{attempt.name}': {outcome}")

    def _look(self) -> None:
        for attempt in self._attempts:
            if attempt.goes_on:
                self._witness.look(attempt)
        self._connections.update(self._network.connections)
        if not self._over:
            self._network.timeline.after(1.0, self._look)

    def _last_round(self) -> None:
        """With all faults gone, everybody gets what anybody has whole."""
        tracker = self._swarm.daemons.get(self._tracker)
        if not isinstance(tracker, TrackerService):
            self._problem("The tracker does not run any more.")
            return
        last: list[Attempt] = []
        for host in self._peers:
            peer = self._swarm.daemons.get(host)
            if not isinstance(peer, PeerService):
                self._problem(f"{host.name} does not run any more.")
                continue
            for name in self.plan.names:
                whole = name in tracker.directory and tracker.directory[name].whole_copies
                held = peer.library.get(name)
                if whole and not (held is not None and held.is_share):
                    last.append(self._fetch(host, peer, name, overwrite=True))
        self._network.run(LONGEST_DOWNLOAD, lambda: not any(a.goes_on for a in last))
        for attempt in last:
            if not isinstance(attempt.outcome, Fetched):
                outcome = attempt.outcome or "it goes on and on"
                self._problem(f"{attempt.host.name} did not get '{attempt.name}': {outcome}")

    def _stop_all(self) -> None:
        for host in (*self._peers, self._tracker):
            if host in self._swarm.daemons:
                try:
                    self._network.result_of(self._swarm.stop(host), 30.0)
                except TimeoutError:
                    self._problem(f"{host.name} does not stop.")
        self._network.run(5.0)
        for host in (*self._peers, self._tracker):
            self._check_nothing_left(host)
        left = [
            end.protocol
            for connection in self._network.connections
            for end in (connection.client, connection.server)
            if end.protocol is not None and not end.gone
        ]
        if left:
            self._problem(f"Connections are left: {left}.")

    # What is checked

    def _check_files(self) -> None:
        """Every file under its final name is one that was published."""
        for host in self._peers:
            for path in (host.directory / "got").rglob("*"):
                if path.is_file() and path.suffix != ".part":
                    self._check_file(path)

    def _check_file(self, path: Path) -> None:
        status = path.stat()
        known = status.st_mtime_ns, status.st_size
        if self._checked.get(path) == known:
            return
        self._checked[path] = known
        content = path.read_bytes()
        name = str(path).partition("/got/")[2]
        if b"scribble" not in content and content not in self._versions.get(name, []):
            self._problem(f"{path} is not what was published.")

    def _check_ended(self) -> None:
        for attempt in self._attempts:
            if attempt.goes_on:
                self._problem(
                    f"{attempt.host.name}'s download of '{attempt.name}', begun at "
                    f"{attempt.began:.1f} s, hangs."
                )

    def _check_directory(self) -> None:
        """The tracker's directory is what its connected peers hold."""
        self._check_files()
        tracker = self._swarm.daemons.get(self._tracker)
        if not isinstance(tracker, TrackerService):
            return
        directory, expected = tracker.directory, {}
        for host in self._peers:
            peer = self._swarm.daemons.get(host)
            if not isinstance(peer, PeerService) or peer.uplink.address is None:
                self._problem(f"{host.name} has not joined again.")
                continue
            expected[peer.uplink.address] = {
                held.name: held.chunks
                for held in peer.library
                if not held.refusal and (held.chunks.bits or held.announced_whole)
            }
        if set(directory.peers) != set(expected):
            self._problem(f"The tracker knows {directory.peers}, there are {[*expected]}.")
        for address, holdings in expected.items():
            listed = directory.held_by(address) if address in directory.peers else {}
            if listed != holdings:
                told = {name: str(chunks) for name, chunks in listed.items()}
                truth = {name: str(chunks) for name, chunks in holdings.items()}
                self._problem(f"The tracker says {address} has {told}; it has {truth}.")

    def _check_nothing_left(self, host: Host) -> None:
        timers = [str(call) for call in host.reactor.getDelayedCalls()]
        if timers:
            self._problem(f"{host.name} left timers: {timers}")
        if host.disk.open_files:
            self._problem(f"{host.name} left files open: {host.disk.open_files}")
        if host.reactor.ports:
            self._problem(f"{host.name} left ports open: {[*host.reactor.ports]}")
        journals = [*(host.directory / "state" / "unfinished").glob("*")]
        unfinished = [*(host.directory / "got").rglob("*.part")]
        if len(journals) > len(unfinished):
            self._problem(f"{host.name} left {len(journals)} journals.")

    def _check_memory(self) -> None:
        """No connection of the past is kept in memory; slow, as all garbage is collected."""
        self._attempts.clear()  # which know their downloads' connections
        gc.collect()
        # What belongs to a killed process is kept by the simulation, not by a daemon.
        kept = {
            connection
            for connection in set(self._connections) - set(self._network.connections)
            if not (connection.client.reactor.is_dead or connection.server.reactor.is_dead)
        }
        if kept:
            self._problem(f"{len(kept)} connections of the past are kept in memory.")

    # What is noted

    def _logged(self, event: LogEvent) -> None:
        self._say(eventAsText(event, includeTimestamp=False))
        if event.get("log_failure") is not None and not self._over:
            self._problem(f"A failure was logged: {eventAsText(event, includeTimestamp=False)}")

    def _defect(self, failure: Failure) -> None:
        self._problem(f"Not an error in words: {failure.getTraceback()}")

    def _problem(self, text: str) -> None:
        self._report.problems.append(f"{self._network.timeline.now:.1f} s: {text}")

    def _say(self, text: str) -> None:
        self._report.log.append(f"{self._network.timeline.now:9.3f} {text}")
