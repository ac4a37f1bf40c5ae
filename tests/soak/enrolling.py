"""How a history's swarm becomes a private one, and who gets a certificate there."""

from __future__ import annotations

from random import Random
from typing import TypeVar

from twisted.internet.defer import Deferred

from p2pfs.identity import KEY_SIZE, PeerKey
from p2pfs.membership import Authority, Role, request_certificate
from p2pfs.testing import Host
from p2pfs.tracker.enrolment import Enrolment, Terms
from p2pfs.tracker.service import TrackerService
from tests.soak.papers import Papers
from tests.soak.private_plan import PrivatePlan
from tests.soak.scene import Scene

T = TypeVar("T")

JOIN_SECONDS = 10.0


class Enrolling:
    """Makes members of honest peers, and gives those who mean harm what they show."""

    def __init__(self, scene: Scene, plan: PrivatePlan | None, seed: int) -> None:
        """Without a plan it is an open swarm, in which nobody shows anything."""
        self._scene = scene
        self._plan = plan
        self._random = Random(f"papers {seed}")

    def found(self) -> None:
        """Set the clocks, and make the authority; the tracker is to be started after that."""
        if self._plan is None:
            return
        for name, seconds in self._plan.clocks.items():
            self._scene.network.hosts[name].drive.clock_offset += seconds
        self._scene.swarm.make_private(self._scene.tracker)

    def enrol_peers(self) -> None:
        """Have the peers be members, before they are started."""
        if self._plan is None:
            return
        for host in self._scene.peers:
            terms = self._plan.terms[host.name]
            joining = self._scene.swarm.join(host, self._scene.tracker, terms.role, terms.patterns)
            self._scene.network.result_of(Deferred.fromCoroutine(joining), JOIN_SECONDS)

    def papers(self, host: Host, number: int = 0) -> Papers:
        """What one of those on a host shows who mean harm."""
        if self._plan is None:
            return Papers()
        match self._plan.strangers.get(host.name):
            case "plain":
                return Papers()
            case "nameless":
                return Papers.of(())
            case "foreign":
                return self._foreign(host, number)
        return self._member(host, number)

    def _foreign(self, host: Host, number: int) -> Papers:
        """Those of a publisher of a swarm of its own."""
        authority = Authority.create(
            host.directory / f"foreign{number}", self._random.randbytes, host.wall_clock
        )
        key = PeerKey.from_seed(self._random.randbytes(KEY_SIZE))
        now = host.wall_clock()
        certificate = authority.issue(key.public, host.name, Role.PUBLISHER, ("*",), now)
        return Papers.of((certificate, *authority.chain), key)

    def _member(self, host: Host, number: int) -> Papers:
        """Those of a reader that has gone bad."""
        key = PeerKey.from_seed(self._random.randbytes(KEY_SIZE))
        name = member_of(host.name, number)

        async def join(enrolment: Enrolment) -> Papers:
            secret = await enrolment.invite(Terms(Role.READER), 1, 3600.0)
            request = request_certificate(key, name)
            chain = await enrolment.join(secret, name, request, host.address, host.address)
            return Papers.of(tuple(chain), key)

        joining = join(enrolment_of(self._scene))
        return self._scene.network.result_of(Deferred.fromCoroutine(joining), JOIN_SECONDS)


def member_of(host: str, number: int) -> str:
    """What a member is called that is one of several on a host."""
    return f"{host}-{number}" if number else host


def enrolment_of(scene: Scene) -> Enrolment:
    """That of the tracker, which has to run."""
    service = scene.swarm.daemons[scene.tracker]
    assert isinstance(service, TrackerService)
    assert service.private is not None
    return service.private.enrolment
