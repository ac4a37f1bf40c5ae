"""Private swarms: who is in, who is not, and what becomes of members in the course of time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pfs.errors import P2pfsError
from p2pfs.membership import Joined, Role
from p2pfs.peer.commands.why import why
from p2pfs.peer.service import PeerService
from p2pfs.testing import Host, Network, Swarm, download, publish

CONTENT = Random(1).randbytes(4_000_000)
DAY = 86_400.0


class Scene:
    """A private swarm with a tracker, and members that are added."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.swarm = Swarm(network)
        self.host = self.new_host("tracker")
        self.swarm.make_private(self.host)
        self.tracker = self.swarm.start_tracker(self.host)

    def new_host(self, name: str) -> Host:
        """A host with a line of 1 MB/s."""
        return self.network.add_host(name, up=1e6, down=1e6, latency=0.005)

    def enrol(self, host: Host, role: Role = Role.READER, *patterns: str) -> None:
        """Have a host's peer be a member from its next start on."""
        self.network.result_of(
            Deferred.fromCoroutine(self.swarm.join(host, self.host, role, patterns)), 10
        )

    def add(self, name: str, role: Role = Role.READER, *patterns: str) -> PeerService:
        """A member that has joined the tracker."""
        host = self.new_host(name)
        self.enrol(host, role, *patterns)
        return self.start(host)

    def start(self, host: Host) -> PeerService:
        """Start a peer and give it time to join."""
        peer = self.swarm.start_peer(host, self.host, smallest_chunk=1 << 16)
        self.network.run(2)
        return peer

    def add_source(self) -> PeerService:
        """A publisher that has published ``f``."""
        source = self.add("source", Role.PUBLISHER, "*")
        path = self.network.hosts["source"].directory / "f"
        path.write_bytes(CONTENT)
        self.network.result_of(publish(source, path), 10)
        return source

    def fetch(self, peer: PeerService, host: str) -> Deferred[object]:
        """Begin to fetch ``f``."""
        return download(peer, "f", self.network.hosts[host].directory / "f")[1]

    def revoke(self, name: str) -> None:
        """As the console does it."""
        assert self.tracker.private is not None
        revoking = Deferred.fromCoroutine(self.tracker.private.enrolment.revoke(name))
        self.network.result_of(revoking, 1)


@pytest.fixture
def scene(place: Path) -> Iterator[Scene]:
    """A private swarm without peers."""
    with Network(place, Random(1)) as network:
        yield Scene(network)


def test_members_do_what_peers_do(scene: Scene) -> None:
    """Publish, list, download, serve, be probed; the tracker names them to each other."""
    source = scene.add_source()
    fetcher = scene.add("fetcher")
    scene.network.result_of(scene.fetch(fetcher, "fetcher"), 60)
    assert (scene.network.hosts["fetcher"].directory / "f").read_bytes() == CONTENT
    assert source.peer.announcer.found_reachable
    location = scene.network.result_of(fetcher.peer.announcer.locate("f"), 5)
    assert sorted(location.members.values()) == ["fetcher", "source"]


def test_who_is_no_member_stays_outside(scene: Scene) -> None:
    """A peer that has not joined learns nothing from the tracker, nor from a peer."""
    scene.add_source()
    stranger = scene.start(scene.new_host("stranger"))
    scene.network.run(30)
    assert not stranger.peer.announcer.joined
    assert not stranger.peer.announcer.reachable


def test_a_member_of_another_swarm_stays_outside(scene: Scene) -> None:
    """Its certificate is another authority's."""
    other = scene.new_host("other-tracker")
    scene.swarm.make_private(other)
    scene.swarm.start_tracker(other)
    host = scene.new_host("guest")
    joining = scene.swarm.join(host, other)
    scene.network.result_of(Deferred.fromCoroutine(joining), 10)
    guest = scene.start(host)
    scene.network.run(30)
    assert not guest.peer.announcer.joined
    assert "secure" in guest.peer.announcer.problem


def test_a_revoked_member_is_cut_off_in_mid_transfer(scene: Scene) -> None:
    """Also by its sources, at once, and it comes in nowhere any more; others are not disturbed."""
    scene.add_source()
    good, bad = scene.add("good"), scene.add("bad")
    fetched = scene.fetch(good, "good")
    failing = scene.fetch(bad, "bad")
    outcomes: list[object] = []
    failing.addBoth(outcomes.append)
    scene.network.run(2)
    assert 0 < len(bad.peer.library["f"].chunks) < 62
    scene.revoke("bad")
    scene.network.run(1)
    had = len(bad.peer.library["f"].chunks)
    scene.network.run(60)
    assert len(bad.peer.library["f"].chunks) == had
    assert not bad.peer.announcer.joined
    assert "revoked" in bad.peer.announcer.problem
    scene.network.result_of(fetched, 60)
    # It is told so too by what it asks for from then on, and what it waits for.
    [ended] = outcomes
    assert isinstance(ended, Failure)
    assert "does not let this peer in" in " ".join(why(bad.peer, "f").lines)
    again = download(bad, "g", scene.network.hosts["bad"].directory / "g")[1]
    with pytest.raises(P2pfsError, match="certificate of bad is revoked"):
        scene.network.result_of(again, 60)


def test_a_revocation_holds_while_the_tracker_is_away(scene: Scene) -> None:
    """Members keep the list, also across their own restarts."""
    scene.add_source()
    scene.add("bad")
    scene.revoke("bad")
    scene.network.run(5)
    scene.network.hosts["source"].kill()
    scene.host.kill()
    source = scene.start(scene.network.hosts["source"])
    assert source.swarm is not None
    assert source.swarm.revocations is not None
    chain = Joined.kept_in(scene.network.hosts["bad"].directory / "state")
    assert chain is not None
    with pytest.raises(P2pfsError, match="revoked"):
        source.swarm.check(chain.chain)


def test_who_was_away_hears_of_revocations_when_it_is_back(scene: Scene) -> None:
    """The list comes with joining the tracker."""
    scene.add_source()
    scene.add("bad")
    host = scene.network.hosts["source"]
    scene.network.result_of(scene.swarm.stop(host), 10)
    scene.revoke("bad")
    source = scene.start(host)
    assert source.swarm is not None
    assert source.swarm.revocations is not None
    assert len(source.swarm.revocations.revoked) == 1


def test_certificates_are_renewed_in_time(scene: Scene) -> None:
    """After two thirds of the 30 days, by the daemons themselves, and connections go on."""
    source = scene.add_source()
    assert source.swarm is not None
    assert scene.tracker.private is not None
    before = source.swarm.member.not_after
    trackers = scene.tracker.private.swarm.member.not_after
    joins = scene.tracker.tracker.factory.joined
    connections = list(joins.values())
    set_clocks(scene, 19 * DAY)
    scene.network.run(120)
    assert source.swarm.member.not_after == before
    set_clocks(scene, 2 * DAY)
    scene.network.run(120)
    assert source.swarm.member.not_after > before + 19 * DAY
    assert scene.tracker.private.swarm.member.not_after > trackers + 19 * DAY
    assert list(joins.values()) == connections
    kept = Joined.kept_in(scene.network.hosts["source"].directory / "state")
    assert kept is not None
    assert kept.member == source.swarm.member


def test_who_is_expired_is_cut_off(scene: Scene) -> None:
    """Connections between peers end when certificates do, which no tracker renews any more."""
    source = scene.add_source()
    fetcher = scene.add("fetcher")
    scene.network.hosts["source"].uplink.rate = 10e3
    scene.fetch(fetcher, "fetcher").addErrback(lambda _: None)
    scene.network.run(10)
    scene.host.kill()
    assert len(source.peer.reception.connections) == 1
    set_clocks(scene, 31 * DAY)
    scene.network.run(120)
    assert not source.peer.reception.connections
    had = len(fetcher.peer.library["f"].chunks)
    scene.network.run(60)
    assert 0 < had == len(fetcher.peer.library["f"].chunks) < 62


def test_a_clock_five_minutes_off(scene: Scene) -> None:
    """Is borne: certificates begin ten minutes before they are issued."""
    scene.add_source()
    host = scene.new_host("late")
    host.drive.clock_offset -= 300.0
    scene.enrol(host)
    late = scene.start(host)
    scene.network.result_of(scene.fetch(late, "late"), 60)


def set_clocks(scene: Scene, seconds: float) -> None:
    """Have all hosts' times of day be later by so much."""
    for host in scene.network.hosts.values():
        host.drive.clock_offset += seconds
