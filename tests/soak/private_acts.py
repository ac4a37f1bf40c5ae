"""What is done in a private swarm beside what users do in any."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pfs.errors import NotFound, P2pfsError
from p2pfs.peer.service import PeerService
from p2pfs.tracker.service import TrackerService
from tests.soak.enrolling import enrolment_of, member_of
from tests.soak.private_plan import MONTH, NextMonth, PrivateAct, Revoke, SignAgain
from tests.soak.scene import Scene
from tests.soak.users import Users

AGAIN_SECONDS = 5.0
"""After what time somebody is revoked again, should the tracker have been away."""


class PrivateActs:
    """Carries out what a private plan says."""

    def __init__(self, scene: Scene, users: Users, members: dict[str, int]) -> None:
        """``members`` has how many there are on each host, if not one."""
        self._scene = scene
        self._users = users
        self._members = members

    def act(self, act: PrivateAct) -> None:
        """Do one thing."""
        match act:
            case Revoke(host):
                if host not in self._scene.membership.revoked:
                    for number in range(self._members.get(host, 1)):
                        self._revoke(host, member_of(host, number))
            case SignAgain(name, file):
                host_of = self._scene.network.hosts[name]
                peer = self._scene.swarm.daemons.get(host_of)
                if isinstance(peer, PeerService) and not host_of.is_frozen:
                    self._users.sign_again(host_of, peer, file)
            case NextMonth():
                for host_of in self._scene.network.hosts.values():
                    host_of.drive.clock_offset += MONTH

    def _revoke(self, host: str, member: str) -> None:
        """Until that is done, whatever becomes of the tracker meanwhile."""
        tracker = self._scene.tracker
        if (
            isinstance(self._scene.swarm.daemons.get(tracker), TrackerService)
            and tracker.is_up
            and not tracker.is_frozen
        ):
            self._scene.membership.revoked[host] = None
            work = Deferred.fromCoroutine(enrolment_of(self._scene).revoke(member))
            process = tracker.reactor

            def check() -> None:
                # What a process was asked that has died since may be done, or not.
                if not work.called or tracker.reactor is not process:
                    self._revoke(host, member)

            work.addErrback(self._not_revoked)
            self._scene.network.timeline.after(AGAIN_SECONDS, check)
        else:
            self._scene.network.timeline.after(AGAIN_SECONDS, self._revoke, host, member)

    def _not_revoked(self, failure: Failure) -> None:
        if failure.check(NotFound):
            return  # it is already
        if not failure.check(P2pfsError):
            self._scene.problem(f"Not an error in words: {failure.getTraceback()}")
        else:
            self._scene.problem(f"Nobody is revoked: {failure.value}")
