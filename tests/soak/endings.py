"""What must hold when all is said and done: nothing is left, nothing is forgotten."""

from __future__ import annotations

from p2pfs.peer.library import Holding, journal_path
from p2pfs.peer.peer import JOURNALS
from p2pfs.peer.service import PeerService
from p2pfs.peer.storage import is_part_name
from p2pfs.testing import Connection, Host
from p2pfs.testing.endings import reachable
from p2pfs.testing.swarm import PEER_PORT
from p2pfs.tracker.directory import Directory
from p2pfs.tracker.service import TrackerService
from tests.soak.scene import Scene
from tests.soak.truth import DOWNLOADS


class EndChecks:
    """Looks at a swarm in which nothing has happened for a while, and at what it leaves."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    # With everything running, and nothing to do

    def check_directory(self) -> None:
        """The tracker's directory is what its connected peers hold."""
        tracker = self._scene.swarm.daemons.get(self._scene.tracker)
        if not isinstance(tracker, TrackerService):
            return
        directory, expected = tracker.tracker.directory, {}
        for host in self._scene.peers:
            peer = self._scene.swarm.daemons.get(host)
            if self._scene.membership.is_out(host.name):
                continue  # and is not to be among those the tracker knows
            if not isinstance(peer, PeerService) or peer.peer.announcer.address is None:
                self._scene.problem(f"{host.name} has not joined again.")
                continue
            expected[peer.peer.announcer.address] = {
                held.name: held.chunks
                for held in peer.peer.library
                if _is_to_be_listed(held, directory)
            }
        if set(directory.peers) != set(expected):
            self._scene.problem(f"The tracker knows {directory.peers}, there are {[*expected]}.")
        for address, holdings in expected.items():
            listed = directory.held_by(address) if address in directory.peers else {}
            if listed != holdings:
                told = {name: str(chunks) for name, chunks in listed.items()}
                truth = {name: str(chunks) for name, chunks in holdings.items()}
                self._scene.problem(f"The tracker says {address} has {told}; it has {truth}.")

    def check_idle(self) -> None:
        """Without downloads there are no connections to sources, no open files, no journals."""
        for connection in self._scene.network.connections:
            client = connection.client
            if connection.server.local.port == PEER_PORT and not client.gone:
                self._scene.problem(f"{client.host.name} has a connection to a source left.")
        for host in self._scene.peers:
            peer = self._scene.swarm.daemons.get(host)
            if isinstance(peer, PeerService):
                self._check_idle_peer(host, peer)

    def _check_idle_peer(self, host: Host, peer: PeerService) -> None:
        if host.disk.open_files:
            self._scene.problem(f"{host.name} has files open: {host.disk.open_files}")
        for held in peer.peer.library:
            if (host, held.name) in self._scene.truth.unshared:
                self._scene.problem(f"{host.name} has '{held.name}', which its user unpublished.")
        state, unfinished = (
            host.directory / "state",
            [h for h in peer.peer.library if not h.is_share],
        )
        journals = {journal_path(state / JOURNALS, held.path) for held in unfinished}
        for journal in (state / JOURNALS).glob("*"):
            if journal not in journals | self._scene.truth.unremovable:
                self._scene.problem(f"{host.name} left the journal of no unfinished download.")
        parts = {held.path for held in unfinished}
        excused = self._scene.truth.unremovable | self._scene.truth.left_by_copies
        for path in (host.directory / DOWNLOADS).rglob("*"):
            if is_part_name(path.name) and path not in parts | excused:
                self._scene.problem(f"{host.name} left {path}, which nobody will go on with.")

    def check_memory(self) -> None:
        """No daemon keeps a connection of the past in memory."""
        network = self._scene.network
        ends = [end for c in network.connections for end in (c.client, c.server)]
        # The far side of a half-open connection is kept by the simulation, not by a daemon.
        beyond: list[object] = [network, network.timeline, *network.hosts.values()]
        beyond += [end for end in ends if end.gone or end.reactor.is_dead]
        beyond += [end.reactor for end in ends if end.reactor.is_dead]
        # Who is revoked goes on trying: what it connects by just now is not of the past.
        beyond += [attempt for host in network.hosts.values() for attempt in host.reactor.attempts]
        kept = {
            thing
            for thing in reachable([*self._scene.swarm.daemons.values()], beyond)
            if isinstance(thing, Connection) and thing not in network.connections
        }
        if kept:
            self._scene.problem(f"{len(kept)} connections of the past are kept in memory.")

    # After everything was stopped

    def check_nothing_left(self) -> None:
        """Daemons that were stopped have no timers, files, ports or connections."""
        for host in (*self._scene.peers, self._scene.tracker):
            timers = [str(call) for call in host.reactor.getDelayedCalls()]
            if timers:
                self._scene.problem(f"{host.name} left timers: {timers}")
            if host.disk.open_files:
                self._scene.problem(f"{host.name} left files open: {host.disk.open_files}")
            if host.reactor.ports:
                self._scene.problem(f"{host.name} left ports open: {[*host.reactor.ports]}")
        left = [
            end.protocol
            for connection in self._scene.network.connections
            for end in (connection.client, connection.server)
            if end.protocol is not None and not end.gone
        ]
        if left:
            self._scene.problem(f"Connections are left: {left}.")


def _is_to_be_listed(held: Holding, directory: Directory) -> bool:
    """False for what is held but not claimed, and for another content than is listed already."""
    if held.withheld is not None:
        return False
    if held.name in directory and directory[held.name].info != held.info:
        return False
    return not held.refusal and bool(held.chunks.bits or held.announced_whole)
