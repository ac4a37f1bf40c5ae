"""One history: a plan carried out on a simulated network, from the first event to the last."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure

from p2pfs.errors import P2pfsError
from p2pfs.peer.downloading import Fetched
from p2pfs.peer.service import PeerService
from p2pfs.testing import Host, Network, Swarm
from tests.soak.checks import FileChecks
from tests.soak.endings import EndChecks
from tests.soak.enrolling import Enrolling
from tests.soak.false_holder import Lie, start_false_holder
from tests.soak.faults import RESTART_SECONDS, Faults
from tests.soak.greedy import start_greedy
from tests.soak.liar import start_liar
from tests.soak.listener import Listener
from tests.soak.membership import Membership
from tests.soak.membership_checks import MembershipChecks
from tests.soak.plan import TRACKER, Act, Fault, HostPlan, Plan
from tests.soak.private_acts import PrivateActs
from tests.soak.private_plan import PrivateAct, PrivatePlan
from tests.soak.report import Report, Writer
from tests.soak.scene import Scene
from tests.soak.truth import DOWNLOADS, Truth
from tests.soak.users import Users
from tests.soak.watch import Watch
from tests.soak.witness import Attempt, Witness

RETRY_SECONDS = 5.0
"""After what time a daemon that could not start is started again."""
SUPERVISOR_SECONDS = 80.0
"""After what time a daemon that ended is started again, if no fault's end did so before."""
LONGEST_DOWNLOAD = 400.0
"""Seconds after the last fault within which every download must have ended."""
SETTLE_SECONDS = 130.0
"""For half-open connections to be noticed, and for peers to join again."""


class History:
    """Carries a plan out below a directory."""

    def __init__(self, plan: Plan, private: PrivatePlan | None, directory: Path) -> None:
        self.plan = plan
        self.private = private
        self._random = Random(plan.seed)
        network = self._network = Network(directory, self._random)
        self._tracker = self._add(HostPlan(TRACKER, 5e6, 5e6, 0.0005))
        self._plans = {self._add(host): host for host in plan.hosts}
        self._peers = list(self._plans)
        self._liars = [self._add(host) for host in plan.liars]
        self._greedy = [self._add(host) for host in plan.greedy]
        self._false = {self._add(false.host): false for false in plan.false}
        self._swarm = Swarm(network)
        self._writer = Writer(network.timeline, directory, plan.seed)
        self._truth = Truth(self._swarm)
        self._membership = Membership(None if private is None else private.terms)
        scene = Scene(
            network,
            self._swarm,
            self._tracker,
            self._peers,
            self._truth,
            self._writer,
            self._membership,
        )
        self._enrolling = Enrolling(scene, private, plan.seed)
        self._files = FileChecks(scene)
        self._witness = Witness(scene)
        self._end = EndChecks(scene)
        self._watch = Watch(scene)
        self._members = MembershipChecks(scene)
        self._users = Users(scene, self._files, self._witness, self._members)
        several = {false.host.name: false.ports for false in plan.false}
        self._private_acts = PrivateActs(scene, self._users, several)
        self._faults = Faults(
            scene, self._start, self._stop_and_start, self._files.ends, plan.slow_drive
        )
        self._hostile = [*self._liars, *self._greedy, *self._false]
        self._listener = Listener(scene, self._files, {host.name for host in self._hostile})
        self._over = False

    def run(self) -> Report:
        """Let it happen; the report says what went wrong."""
        listener: Any = self._listener
        globalLogPublisher.addObserver(listener)
        try:
            self._run()
            return self._writer.end()
        finally:
            globalLogPublisher.removeObserver(listener)
            self._network.close()

    def _run(self) -> None:
        network, users = self._network, self._users
        self._enrolling.found()
        self._start(self._tracker)
        self._enrolling.enrol_peers()
        for host in self._peers:
            self._start(host)
        papers = self._enrolling.papers
        for host in self._liars:
            own = Random(self._random.getrandbits(64))
            start_liar(host, self._tracker, own, papers(host))
        for host in self._greedy:
            own = Random(self._random.getrandbits(64))
            start_greedy(host, self._tracker, self._peers, own, papers(host))
        for host, false in self._false.items():
            lie = Lie(false.kind, self._truth.versions)
            start_false_holder(host, false.ports, self._tracker, lie, papers=partial(papers, host))
        for at, act in self.plan.acts:
            network.timeline.at(at, self._act, act)
        end = self.plan.end
        if self.private is not None:
            for at, private in self.private.acts:
                network.timeline.at(at, self._act, private)
            end = max(end, self.private.end)
        self._look()
        network.run(end)
        for host in self._hostile:
            host.kill()
        network.run(LONGEST_DOWNLOAD, lambda: not users.waiting)
        self._check_ended()
        network.run(SETTLE_SECONDS)
        self._last_round()
        network.run(SETTLE_SECONDS)
        self._files.check_finals(self._peers)
        self._end.check_directory()
        self._end.check_idle()
        self._members.check_end()
        users.attempts.clear()  # which know the connections of their downloads
        self._end.check_memory()
        self._over = self._listener.over = True
        self._stop_all()

    # Hosts and their daemons

    def _add(self, plan: HostPlan) -> Host:
        host = self._network.add_host(plan.name, plan.up, plan.down, plan.latency)
        (host.directory / DOWNLOADS).mkdir()
        return host

    def _start(self, host: Host) -> None:
        """Start a host's daemon, and again whenever it ends, unless that was a fault's doing."""
        if (
            host in self._swarm.daemons
            or host not in (self._tracker, *self._peers)
            or not host.is_up
            or self._over
        ):
            return
        self._files.check_told(host)
        try:
            if host is self._tracker:
                self._swarm.start_tracker(host)
            else:
                plan = self._plans[host]
                self._swarm.start_peer(
                    host,
                    self._tracker,
                    smallest_chunk=self.plan.chunk_size,
                    upload_rate=plan.upload_rate,
                    download_rate=plan.download_rate,
                )
        except P2pfsError as error:
            self._writer.say(f"{host.name} cannot start: {error}")
            host.kill()
            self._network.timeline.after(RETRY_SECONDS, self._start, host)
        else:
            host.when_process_ends(lambda: self._process_ended(host))

    def _process_ended(self, host: Host) -> None:
        self._network.timeline.after(SUPERVISOR_SECONDS, self._start, host)
        self._users.process_ended(host)
        if host in self._plans:
            self._files.check_finals([host])

    def _stop_and_start(self, host: Host) -> None:
        if host in self._swarm.daemons:
            stopped = self._swarm.stop(host)
            stopped.addCallback(
                lambda _: self._network.timeline.after(RESTART_SECONDS, self._start, host)
            )
            stopped.addErrback(self._not_stopped)

    def _not_stopped(self, failure: Failure) -> None:
        self._writer.problem(f"A daemon does not stop: {failure.getTraceback()}")

    # What happens

    def _act(self, act: Act | PrivateAct) -> None:
        self._writer.say(f"{act}")
        if isinstance(act, Fault):
            self._faults.begin(act)
        elif isinstance(act, PrivateAct):
            self._private_acts.act(act)
        else:
            self._users.act(act)

    def _look(self) -> None:
        """Look after everything, every second."""
        for attempt in self._users.attempts:
            if attempt.goes_on:
                self._witness.look(attempt)
        if not self._over:
            self._files.look()
            self._watch.look()
            self._members.look()
            self._network.timeline.after(1.0, self._look)

    def _check_ended(self) -> None:
        for attempt in self._users.attempts:
            if attempt.goes_on:
                self._writer.problem(
                    f"{attempt.host.name}'s download of '{attempt.name}', begun at "
                    f"{attempt.began:.1f} s, hangs."
                )

    def _last_round(self) -> None:
        """With all faults gone, everybody gets what anybody has whole."""
        if self._tracker not in self._swarm.daemons:
            self._writer.problem("The tracker does not run any more.")
            return
        last: list[Attempt] = []
        for host in self._peers:
            peer = self._swarm.daemons.get(host)
            if not isinstance(peer, PeerService):
                self._writer.problem(f"{host.name} does not run any more.")
                continue
            for name in self.plan.names:
                held = peer.peer.library.get(name)
                if held is not None and held.is_share:
                    continue
                if self._witness.can_be_had(name, held):
                    last.append(self._users.fetch(host, peer, name, overwrite=True))
        self._network.run(LONGEST_DOWNLOAD, lambda: not any(a.goes_on for a in last))
        for attempt in last:
            if self._membership.is_out(attempt.host.name):
                if isinstance(attempt.outcome, Fetched) and attempt.outcome.sources:
                    self._writer.problem(f"{attempt.host.name} is revoked, and got something.")
            elif not isinstance(attempt.outcome, Fetched):
                outcome = attempt.outcome or "it goes on and on"
                self._writer.problem(f"{attempt.host.name} did not get '{attempt.name}': {outcome}")

    def _stop_all(self) -> None:
        for host in (*self._peers, self._tracker):
            if host in self._swarm.daemons:
                try:
                    self._network.result_of(self._swarm.stop(host), 30.0)
                except TimeoutError:
                    self._writer.problem(f"{host.name} does not stop.")
        self._network.run(5.0)
        self._end.check_nothing_left()
