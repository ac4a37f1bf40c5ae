"""What must hold of processes and of the tracker at any time, looked after every second."""

from __future__ import annotations

from p2pfs.testing import Host
from p2pfs.testing.swarm import PEER_PORT
from p2pfs.tracker.service import TrackerService
from p2pfs.wire import MessageProtocol
from p2pfs.wire.output import Output
from tests.soak.scene import Scene

GRACE_SECONDS = 10.0
"""Beyond the patience of keep-alive, for a tracker to forget a host that vanished."""


class Watch:
    """Looks for timers of what is over, and for peers that the tracker should have forgotten."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._seen_at: dict[Host, float] = {}

    def look(self) -> None:
        """What must hold at any time."""
        for host in (*self._scene.peers, self._scene.tracker):
            self._check_timers(host)
        service = self._scene.swarm.daemons.get(self._scene.tracker)
        if isinstance(service, TrackerService) and not self._scene.tracker.is_frozen:
            for host in self._scene.peers:
                self._check_vanished(host, service)
        else:
            self._seen_at.clear()

    def _check_timers(self, host: Host) -> None:
        """A connection that is closed waits for nothing any more."""
        for call in host.reactor.getDelayedCalls():
            owner = getattr(call.func, "__self__", None)
            over = (isinstance(owner, MessageProtocol) and owner.closed) or (
                isinstance(owner, Output) and owner.ended
            )
            if over:
                self._scene.problem(f"{host.name} has a timer of a closed connection: {call}")

    def _check_vanished(self, host: Host, service: TrackerService) -> None:
        """Who cannot be reached for long is listed no more."""
        now = self._scene.network.timeline.now
        if self._scene.network.reachable(host, self._scene.tracker):
            self._seen_at[host] = now
        patience = self._scene.network.keep_alive + GRACE_SECONDS
        if now - self._seen_at.setdefault(host, now) > patience:
            self._seen_at[host] = now
            if f"{host.address}:{PEER_PORT}" in service.tracker.directory.peers:
                self._scene.problem(f"{host.name} is out of reach, and the tracker still lists it.")
