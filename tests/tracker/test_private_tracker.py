"""A tracker finds its private swarm, and tends it."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from p2pfs.errors import StartupProblem, StorageProblem
from p2pfs.membership import AUTHORITY_DIRECTORY, Role
from p2pfs.testing import Host, Network, Swarm
from p2pfs.tracker.private_tracker import KEY_FILE, RECORDS_FILE, TEND_SECONDS
from p2pfs.tracker.service import TrackerService

DAY = 86_400.0


@pytest.fixture
def host(network: Network) -> Host:
    """Where the tracker runs."""
    return network.add_host("tracker")


def private(network: Network, host: Host) -> TrackerService:
    """A private tracker that runs."""
    swarm = Swarm(network)
    swarm.make_private(host)
    tracker = swarm.start_tracker(host)
    assert tracker.private is not None
    return tracker


def test_without_an_authority_it_is_open(network: Network, host: Host) -> None:
    """As before."""
    tracker = Swarm(network).start_tracker(host)
    assert (tracker.private, tracker.swarm) == (None, None)


def test_it_is_a_member_itself(network: Network, host: Host) -> None:
    """With a key of its own, for its user only; after a restart it is the same."""
    swarm = Swarm(network)
    swarm.make_private(host)
    keys = []
    for _ in range(2):
        tracker = swarm.start_tracker(host)
        assert tracker.swarm is not None
        assert tracker.swarm.member.role is Role.TRACKER
        keys.append(tracker.swarm.member.key)
        network.result_of(swarm.stop(host), 10)
    assert keys[0] == keys[1]
    for name in (KEY_FILE, RECORDS_FILE):
        assert (host.directory / "state" / name).stat().st_mode & 0o077 == 0


def test_an_authority_that_others_can_read_is_refused(network: Network, host: Host) -> None:
    """With the sentence that says what to do; and nothing listens."""
    swarm = Swarm(network)
    swarm.make_private(host)
    (host.directory / "state" / AUTHORITY_DIRECTORY / "key.pem").chmod(0o640)
    with pytest.raises(StartupProblem, match="chmod 600"):
        swarm.start_tracker(host)
    assert not host.reactor.ports


def test_without_its_authority_it_does_not_start(network: Network, host: Host) -> None:
    """A disk that is not mounted must not make an open swarm of a private one."""
    swarm = Swarm(network)
    private(network, host)
    host.kill()
    authority = host.directory / "state" / AUTHORITY_DIRECTORY
    authority.rename(authority.with_name("elsewhere"))
    with pytest.raises(StartupProblem, match="authority's directory"):
        swarm.start_tracker(host)
    assert not host.reactor.ports


def test_members_that_are_here_are_seen(network: Network, host: Host) -> None:
    """And who has left was last seen then."""
    swarm = Swarm(network)
    swarm.make_private(host)
    tracker = swarm.start_tracker(host)
    assert tracker.private is not None
    peer = network.add_host("gpu-17")
    joining = swarm.join(peer, host)
    network.result_of(Deferred.fromCoroutine(joining), 10)
    swarm.start_peer(peer, host)
    network.run(TEND_SECONDS + 5)
    seen = host.wall_clock()
    network.result_of(swarm.stop(peer), 10)
    network.run(3 * TEND_SECONDS)
    members = Deferred.fromCoroutine(tracker.private.enrolment.members())
    [member] = network.result_of(members, 10)
    assert member.address == f"{peer.address}:6881"
    assert abs(member.seen - seen) < TEND_SECONDS


def test_its_own_certificate_is_renewed(network: Network, host: Host) -> None:
    """By itself, also while its record cannot be written, and when the files of its authority
    have gone meanwhile."""
    tracker = private(network, host)
    authority = host.directory / "state" / AUTHORITY_DIRECTORY
    authority.rename(authority.with_name("elsewhere"))
    assert tracker.private is not None
    assert tracker.swarm is not None

    async def fails(seen: object) -> None:
        raise StorageProblem("The disk is full.")

    tracker.private.enrolment.tend = fails  # type: ignore[method-assign]  # a full disk
    for _ in range(2):
        host.drive.clock_offset += 21 * DAY
        network.run(2 * TEND_SECONDS)
        assert tracker.swarm.member.not_before > host.wall_clock() - DAY
