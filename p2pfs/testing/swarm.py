"""Trackers and peers, as they are, on simulated hosts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.defer import Deferred

from p2pfs.addresses import Address
from p2pfs.daemon import Daemon
from p2pfs.hashing import Hash
from p2pfs.identity import KEY_FILE, PeerKey
from p2pfs.membership import AUTHORITY_DIRECTORY, Authority, Joined, Role, request_certificate
from p2pfs.peer.downloading import Fetched, Job
from p2pfs.peer.machine import Machine
from p2pfs.peer.service import PeerService
from p2pfs.peer.settings import PeerSettings
from p2pfs.peer.sharing import Published
from p2pfs.testing.door import PlainDoor
from p2pfs.testing.network import Host, Network
from p2pfs.tracker.enrolment import Terms
from p2pfs.tracker.service import TrackerService
from p2pfs.tracker.settings import TrackerSettings

TRACKER_PORT = 6880
PEER_PORT = 6881


class Swarm:
    """Starts daemons on hosts of a network, one on each, and stops them.

    A daemon has its state in the directory ``state`` of its host. Its randomness
    comes from that of the network.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.daemons: dict[Host, Daemon] = {}
        """Those that run, by host."""

    def make_private(self, host: Host) -> None:
        """Have a tracker that is started on that host be one of a private swarm."""
        state = host.directory / "state"
        state.mkdir(exist_ok=True)
        Authority.create(state / AUTHORITY_DIRECTORY, self._new_random().randbytes, host.wall_clock)

    async def join(
        self, host: Host, tracker: Host, role: Role = Role.READER, patterns: Sequence[str] = ()
    ) -> None:
        """Have a peer on that host be a member, named as the host, once it is started again.

        It takes an invitation, without a connection. The tracker has to run, and is asked.
        """
        service = self.daemons[tracker]
        assert isinstance(service, TrackerService)
        assert service.private is not None
        enrolment, authority = service.private.enrolment, service.private.swarm.authority
        state = host.directory / "state"
        state.mkdir(exist_ok=True)
        key = PeerKey.kept_in(state / KEY_FILE, self._new_random().randbytes)
        secret = await enrolment.invite(Terms(role, tuple(patterns)), 1, 3600.0)
        request = request_certificate(key, host.name)
        chain = await enrolment.join(secret, host.name, request, host.address, host.address)
        trackers = (Address(tracker.address, TRACKER_PORT),)
        Joined(trackers, authority, chain).write(state)

    def start_tracker(self, host: Host, **settings: Any) -> TrackerService:
        """Start a tracker that knows nobody; ``settings`` are those of `TrackerSettings`."""
        settings.setdefault("listen", [f"tcp:{TRACKER_PORT}"])
        state = host.directory / "state"
        tracker = TrackerService(
            host.reactor,
            TrackerSettings(state, **settings),
            self._new_random(),
            self._new_random().randbytes,
            host.wall_clock,
            PlainDoor,
        )
        self._start(tracker, host)
        return tracker

    def start_peer(self, host: Host, tracker: Host | None, **settings: Any) -> PeerService:
        """Start a peer of the tracker on that host; ``settings`` are those of `PeerSettings`."""
        endpoint = "none" if tracker is None else f"tcp:{tracker.address}:{TRACKER_PORT}"
        settings.setdefault("tracker", endpoint)
        settings.setdefault("listen", f"tcp:{PEER_PORT}")
        peer = PeerService(
            host.reactor,
            PeerSettings(host.directory / "state", **settings),
            self._new_random(),
            Machine(
                host.disk,
                host.reactor.getThreadPool(),
                self._new_random().randbytes,
                wall_clock=host.wall_clock,
            ),
            PlainDoor,
        )
        self._start(peer, host)
        return peer

    def stop(self, host: Host) -> Deferred[None]:
        """Stop the daemon of a host in good order."""
        return self.daemons.pop(host).stopService()

    def _start(self, daemon: Daemon, host: Host) -> None:
        host.keep(daemon)
        host.when_process_ends(lambda: self._process_ended(daemon, host))
        try:
            daemon.startService()
        except Exception:  # test_a_second_daemon_does_not_start_and_ends_its_process
            host.kill()
            raise
        self.daemons[host] = daemon

    def _process_ended(self, daemon: Daemon, host: Host) -> None:
        if daemon.claim is not None:
            daemon.claim.release()
            daemon.claim = None
        if self.daemons.get(host) is daemon:
            del self.daemons[host]

    def _new_random(self) -> Random:
        return Random(self.network.random.getrandbits(64))


def publish(
    peer: PeerService, path: Path, name: str | None = None, function: Hash | None = None
) -> Deferred[list[Published]]:
    """Have a peer share a file or directory; the Deferred has what was published.

    ``function`` is the hash, by default that of the peer's settings.
    """
    return peer.peer.publisher.publish(path, name, function=function)[1]


def download(
    peer: PeerService, name: str, target: Path, overwrite: bool = False
) -> tuple[Job, Deferred[Fetched]]:
    """Have a peer fetch a file: the download, and what comes of it."""
    return peer.peer.downloads.start(name, target, overwrite)
