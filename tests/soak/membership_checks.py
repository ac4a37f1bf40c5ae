"""What must hold of members: who is let in, whose words count, and who is out for good."""

from __future__ import annotations

from p2pfs.membership import PrivateNames, Signature, read_certificate, read_member, renewal_due
from p2pfs.peer.downloading import Fetched
from p2pfs.peer.service import PeerService
from p2pfs.secure import PrivateSwarm, member_of
from p2pfs.testing import Host
from p2pfs.testing.door import PlainDoor
from p2pfs.tracker.service import TrackerService
from tests.soak.scene import Scene

IS_THERE = "checking the file that is there"
"""What a download does that needs nobody's word: it brings nothing."""


class MembershipChecks:
    """Looks at a private swarm; in an open one there is nothing to see."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._right: set[tuple[str, Signature]] = set()

    def look(self) -> None:
        """What must hold at any time."""
        if not self._scene.membership.is_private:
            return
        for host, daemon in self._scene.swarm.daemons.items():
            if daemon.swarm is not None:
                self._check_connected(host, daemon.swarm)
            if isinstance(daemon, TrackerService):
                self._check_tracker(daemon)
            elif isinstance(daemon, PeerService):
                self._check_peer(host, daemon)

    def check_fetched(self, host: Host, fetched: Fetched) -> None:
        """A download is by the word of a publisher who may say so."""
        membership = self._scene.membership
        if not membership.is_private:
            return
        signer = fetched.publisher.member if fetched.publisher is not None else None
        if signer is None or not membership.may_publish(signer, fetched.name):
            self._scene.problem(
                f"{host.name} has downloaded '{fetched.name}' by the word of {signer}."
            )

    def check_end(self) -> None:
        """All know who is out, nobody who is has come in, and certificates were renewed."""
        service = self._scene.swarm.daemons.get(self._scene.tracker)
        if not isinstance(service, TrackerService) or service.private is None:
            return
        newest = service.private.swarm.revocations
        assert newest is not None
        if len(newest.revoked) < len(self._scene.membership.revoked):
            self._scene.problem(f"The tracker's list has {len(newest.revoked)} revoked members.")
        for host in self._scene.peers:
            peer = self._scene.swarm.daemons.get(host)
            if not isinstance(peer, PeerService) or peer.swarm is None:
                continue
            if self._scene.membership.is_out(host.name):
                if peer.peer.announcer.joined:
                    self._scene.problem(f"{host.name} is revoked, and has joined.")
                continue
            known = peer.swarm.revocations
            if known is None or known.revoked != newest.revoked:
                self._scene.problem(f"{host.name} does not know who is revoked.")
            if renewal_due(peer.swarm.credentials.chain[0], host.wall_clock()):
                self._scene.problem(f"{host.name}'s certificate was not renewed.")

    # Inside

    def _check_connected(self, host: Host, swarm: PrivateSwarm) -> None:
        """Who is on the list that a daemon has is not connected to it."""
        door, revocations = swarm.door, swarm.revocations
        assert isinstance(door, PlainDoor)
        if revocations is None:
            return
        for threshold, member in door.live.items():
            if revocations.is_revoked(member.serial) and not threshold.transport.gone:
                self._scene.problem(f"{host.name} is connected to {member.name}, which is revoked.")

    def _check_tracker(self, service: TrackerService) -> None:
        """It talks to members, and lists what publishers who may have signed."""
        for connection in service.tracker.factory.connections:
            if connection.member is None:
                self._scene.problem(f"The tracker talks to {connection.host}, which is no member.")
        assert service.private is not None
        swarm, directory = service.private.swarm, service.tracker.directory
        names = PrivateNames(
            swarm.authority, lambda: swarm.revocations, self._scene.tracker.wall_clock
        )
        for name in directory:
            signature = directory[name].signature
            if signature is None or names.is_void(signature):
                self._scene.problem(f"The tracker lists '{name}', for which nobody stands.")
            else:
                self._check_signer("The tracker", name, signature)

    def _check_peer(self, host: Host, service: PeerService) -> None:
        """It serves members, and holds what publishers who may have signed."""
        for connection in service.peer.reception.connections:
            if member_of(connection.transport) is None:
                self._scene.problem(f"{host.name} serves {connection.host}, which is no member.")
        for job in service.peer.downloads.jobs:
            signature, is_there = job.signature, job.phase == IS_THERE
            if signature is None or job.objection or is_there:
                continue
            if service.peer.signing.is_void(signature):
                self._scene.problem(
                    f"{host.name} goes on with '{job.name}', which who is revoked has signed."
                )
        for held in service.peer.library:
            if held.signature is None:
                self._scene.problem(f"{host.name} holds '{held.name}', which nobody has signed.")
            else:
                self._check_signer(host.name, held.name, held.signature)

    def _check_signer(self, who: str, name: str, signature: Signature) -> None:
        if (name, signature) in self._right:
            return
        signer = read_member(read_certificate(signature.chain[0])).name
        if self._scene.membership.may_publish(signer, name):
            self._right.add((name, signature))
        else:
            self._scene.problem(f"{who} has '{name}' by the word of {signer}, which may not.")
