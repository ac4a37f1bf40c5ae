"""What a history knows that no peer does: who could have given what to whom, and when."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from p2pfs.errors import P2pfsError
from p2pfs.peer.downloading import Fetched, Job
from p2pfs.peer.downloading.tree_job import TreeJob
from p2pfs.peer.library import Holding
from p2pfs.peer.service import PeerService
from p2pfs.testing import Host
from p2pfs.tracker.directory import Directory
from p2pfs.tracker.service import TrackerService
from tests.soak.scene import Scene
from tests.soak.standstill import Standstill, longest

WINDOW = 45
"""Seconds in which a download that all could have given what it lacks should have got it.

That is longer than a source rests after failures, and than a denial is believed.
"""


@dataclass(eq=False)
class Attempt:
    """One download as its user sees it."""

    host: Host
    name: str
    began: float
    overwrite: bool = False
    job: Job | None = None
    ended: float | None = None
    outcome: Fetched | TreeJob | P2pfsError | None = None
    """None while it goes on, and for ever if its peer was killed."""
    died: bool = False
    cancelled: bool = False
    disk_failed: bool = False
    """The disk had a fault meanwhile."""
    suspects: set[Host] = field(default_factory=set)
    """Hosts whose bytes were changed on their way."""
    samples: deque[dict[Host, int]] = field(default_factory=lambda: deque(maxlen=WINDOW))
    """For each of the last seconds, the chunks (bits) each honest peer could have given."""
    standstill: Standstill[Host] = field(default_factory=Standstill)

    @property
    def goes_on(self) -> bool:
        """True until it ends one way or another."""
        return self.outcome is None and not self.died


class Witness:
    """Looks at a swarm every second."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def look(self, attempt: Attempt) -> None:
        """Note who could give what to a download that goes on."""
        host = attempt.host
        attempt.disk_failed |= not self._is_sound(host)
        attempt.suspects |= {
            other for other in self._scene.network.hosts.values() if other.tamper is not None
        }
        holding = attempt.job.holding if attempt.job else None
        if holding is None:
            return
        directory = self._directory(host)
        sample: dict[Host, int] = {}
        for other, peer in self._scene.swarm.daemons.items():
            if other is host or not isinstance(peer, PeerService) or directory is None:
                continue
            held = peer.peer.library.get(attempt.name)
            if held is None or held.info != holding.info or self._is_touched(held):
                continue
            if self._can_give(other, host):
                listed = directory[attempt.name].holders if attempt.name in directory else {}
                known = listed.get(peer.peer.announcer.address or "")
                sample[other] = held.chunks.bits & (known.bits if known else 0)
        attempt.samples.append(sample)
        self._look_for_standstill(attempt, holding, sample)

    def _look_for_standstill(
        self, attempt: Attempt, holding: Holding, sample: dict[Host, int]
    ) -> None:
        """What an honest peer could give is to come in a bounded time, whoever lies."""
        host, suspects = attempt.host, attempt.suspects
        running = host in self._scene.swarm.daemons
        if not running or host in suspects or not self._is_sound(host):
            attempt.standstill.begin_anew()
            return
        now = self._scene.network.timeline.now
        honest = {other: chunks for other, chunks in sample.items() if other not in suspects}
        for other, seconds in attempt.standstill.look(now, holding.chunks, honest).items():
            if seconds > longest(holding.info.chunksize, self._rate(other, host)):
                self._scene.problem(
                    f"{host.name} got nothing of '{attempt.name}' for {seconds:.0f} s, "
                    f"in which {other.name} could have given it something."
                )
                attempt.standstill.begin_anew()
                return

    def _rate(self, sender: Host, receiver: Host) -> float | None:
        """Bytes a second that one may send to the other, if nobody else uses the line."""
        rates = [sender.uplink.rate, receiver.downlink.rate]
        for host, direction in ((sender, "upload"), (receiver, "download")):
            peer = self._scene.swarm.daemons[host]
            assert isinstance(peer, PeerService)
            rates.append(peer.peer.limits[direction].rate)
        return min((rate for rate in rates if rate is not None), default=None)

    def could_have_finished(self, attempt: Attempt) -> bool:
        """True when all that was missing could have been had all the last while."""
        holding = attempt.job.holding if attempt.job else None
        honest = attempt.host not in attempt.suspects
        if holding is None or len(attempt.samples) < WINDOW or not honest or attempt.disk_failed:
            return False
        always = set(attempt.samples[0])
        for sample in attempt.samples:
            always &= set(sample)
        offered = 0
        for other in always - attempt.suspects:
            given = -1
            for sample in attempt.samples:
                given &= sample[other]
            offered |= given
        return not holding.chunks.missing.bits & ~offered

    def is_void(self, attempt: Attempt) -> bool:
        """Whether who signed what it fetches is revoked."""
        peer = self._scene.swarm.daemons.get(attempt.host)
        signature = attempt.job.signature if attempt.job else None
        if signature is None or not isinstance(peer, PeerService):
            return False
        return peer.peer.signing.is_void(signature)

    def can_be_had(self, name: str, held: Holding | None = None) -> bool:
        """Whether some peer shares the whole file, and the tracker lists that.

        ``held`` is what a host has of it, or of another content, which may be a newer one.
        """
        tracker = self._scene.swarm.daemons.get(self._scene.tracker)
        if not isinstance(tracker, TrackerService) or name not in tracker.tracker.directory:
            return False
        listed = tracker.tracker.directory[name]
        if listed.signature is not None:
            kept = held.signature if held is not None and held.info != listed.info else None
            if kept is not None and kept.at >= listed.signature.at:
                return False
        whole = {a for a, chunks in tracker.tracker.directory[name].holders.items() if chunks.whole}
        return any(
            isinstance(peer, PeerService) and peer.peer.announcer.address in whole
            for peer in self._scene.swarm.daemons.values()
        )

    def _directory(self, host: Host) -> Directory | None:
        tracker = self._scene.swarm.daemons.get(self._scene.tracker)
        works = self._works(self._scene.tracker) and self._connected(host, self._scene.tracker)
        return tracker.tracker.directory if works and isinstance(tracker, TrackerService) else None

    def _can_give(self, other: Host, host: Host) -> bool:
        return (
            self._is_sound(other)
            and not self._scene.membership.is_out(other.name)
            and not self._scene.membership.is_out(host.name)
            and self._works(other)
            and self._works(host)
            and self._connected(other, host)
        )

    @staticmethod
    def _is_touched(held: Holding) -> bool:
        """Somebody else wrote to it, so nothing of it is given away before it is checked."""
        return held.part is not None and held.part.touched

    @staticmethod
    def _is_sound(host: Host) -> bool:
        return not (host.drive.full or host.drive.failing or host.drive.rate)

    @staticmethod
    def _works(host: Host) -> bool:
        return host.is_up and not host.is_frozen

    def _connected(self, one: Host, other: Host) -> bool:
        if not self._scene.network.reachable(one, other):
            return False
        return not any(
            connection.is_cut or connection.client.stalled
            for connection in self._scene.network.connections
            if {connection.client.host, connection.server.host} == {one, other}
        )
