"""The checks of private swarms in random histories see what they are for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest
from twisted.internet.defer import Deferred

from p2pfs.errors import AlreadyExists, BadSignature, Refused
from p2pfs.membership import Authority, RevocationList, Role, encode_chain
from p2pfs.peer.downloading import Fetched
from p2pfs.peer.service import PeerService
from p2pfs.testing import Host, Network, Swarm, download, publish
from p2pfs.tracker.enrolment import Terms
from p2pfs.tracker.service import TrackerService
from tests.soak.enrolling import enrolment_of
from tests.soak.membership import Membership, is_right_refusal
from tests.soak.membership_checks import MembershipChecks
from tests.soak.private_plan import MONTH
from tests.soak.report import Writer
from tests.soak.scene import Scene
from tests.soak.truth import Truth

TERMS = {"source": Terms(Role.PUBLISHER, ("f*",)), "peer": Terms(Role.READER)}


class Stage:
    """A private swarm: a tracker, a publisher that shares ``f``, and a reader that fetches it."""

    def __init__(self, directory: Path) -> None:
        self.network = Network(directory, Random(1))
        self.swarm = Swarm(self.network)
        hosts = [self.network.add_host(name, 1e5, 1e5) for name in ("tracker", "source", "peer")]
        tracker, self.source, self.host = hosts
        self.terms = dict(TERMS)
        self.membership = Membership(self.terms)
        writer = Writer(self.network.timeline, directory, 0)
        self.report = writer.report
        truth = Truth(self.swarm)
        self.scene = Scene(
            self.network, self.swarm, tracker, hosts[1:], truth, writer, self.membership
        )
        self.checks = MembershipChecks(self.scene)
        self.swarm.make_private(tracker)
        self.tracker = self.swarm.start_tracker(tracker)
        self.sharing, self.peer = map(self._start, hosts[1:])
        self.network.run(2)
        path = self.source.directory / "f"
        path.write_bytes(Random(1).randbytes(1_000_000))
        self.network.result_of(publish(self.sharing, path), 10)
        download(self.peer, "f", self.host.directory / "f")[1].addErrback(lambda _: None)
        self.network.run(3)

    def _start(self, host: Host) -> PeerService:
        terms = self.terms[host.name]
        joining = self.swarm.join(host, self.scene.tracker, terms.role, terms.patterns)
        self.network.result_of(Deferred.fromCoroutine(joining), 10)
        return self.swarm.start_peer(host, self.scene.tracker, smallest_chunk=16384)

    def list_of_revoked(self) -> RevocationList:
        """One that has the reader on it, and that nobody has heard of."""
        assert self.tracker.private is not None
        private, peer = self.tracker.private, self.peer.swarm
        assert peer is not None
        return private.enrolment._authority.revocation_list(
            99, {peer.member.serial: self.source.wall_clock()}, self.source.wall_clock()
        )

    def foreign_chain(self) -> tuple[bytes, ...]:
        """Certificates that this swarm's authority has not issued."""
        authority = Authority.create(
            self.host.directory / "foreign", Random(2).randbytes, self.host.wall_clock
        )
        return tuple(encode_chain([authority.certificate]))

    def check(self) -> str:
        """What is found wrong."""
        self.checks.look()
        self.checks.check_end()
        return "\n".join(self.report.problems)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """See there."""
    stage = Stage(tmp_path)
    yield stage
    stage.network.close()


def test_what_is_right_is_no_problem(stage: Stage) -> None:
    """Also when somebody is revoked in order."""
    assert not stage.check()
    stage.membership.revoked["peer"] = None
    revoking = enrolment_of(stage.scene).revoke("peer")
    stage.network.result_of(Deferred.fromCoroutine(revoking), 10)
    stage.network.run(5)
    assert not stage.check()


def talk_to_who_is_revoked(stage: Stage) -> None:
    assert stage.sharing.swarm is not None
    stage.sharing.swarm.revocations = stage.list_of_revoked()


def tell_nobody(stage: Stage) -> None:
    assert stage.tracker.private is not None
    stage.tracker.private.swarm.revocations = stage.list_of_revoked()


def let_who_is_revoked_in(stage: Stage) -> None:
    stage.membership.revoked["peer"] = None


def list_what_nobody_signed(stage: Stage) -> None:
    tracker = stage.swarm.daemons[stage.scene.tracker]
    assert isinstance(tracker, TrackerService)
    tracker.tracker.directory["f"].signature = None


def let_a_reader_publish(stage: Stage) -> None:
    stage.terms["source"] = Terms(Role.READER)


def hold_what_nobody_signed(stage: Stage) -> None:
    stage.peer.peer.library["f"].signature = None


def let_certificates_grow_old(stage: Stage) -> None:
    for host in stage.network.hosts.values():
        host.drive.clock_offset += MONTH


def serve_a_stranger(stage: Stage) -> None:
    [connection] = stage.sharing.peer.reception.connections
    connection.transport.member = None  # type: ignore[union-attr]  # the simulated one has it


def register_a_stranger(stage: Stage) -> None:
    for connection in stage.tracker.tracker.factory.connections:
        connection.member = None


def go_on_by_the_word_of_who_is_revoked(stage: Stage) -> None:
    [job] = stage.peer.peer.downloads.jobs
    assert job.signature is not None
    job.signature = msgspec.structs.replace(job.signature, chain=stage.foreign_chain())


@pytest.mark.parametrize(
    ("violate", "problem"),
    [
        (talk_to_who_is_revoked, "is connected to peer, which is revoked"),
        (tell_nobody, "source does not know who is revoked"),
        (let_who_is_revoked_in, "peer is revoked, and has joined"),
        (let_who_is_revoked_in, "The tracker's list has 0 revoked members"),
        (list_what_nobody_signed, "lists 'f', for which nobody stands"),
        (let_a_reader_publish, "by the word of source, which may not"),
        (hold_what_nobody_signed, "holds 'f', which nobody has signed"),
        (let_certificates_grow_old, "certificate was not renewed"),
        (go_on_by_the_word_of_who_is_revoked, "peer goes on with 'f', which who is revoked"),
        (serve_a_stranger, "which is no member"),
        (register_a_stranger, "which is no member"),
    ],
)
def test_a_check_sees_its_violation(
    stage: Stage, violate: Callable[[Stage], None], problem: str
) -> None:
    """Each check of a running private swarm goes red on what it is for."""
    violate(stage)
    assert problem in stage.check()


def test_a_download_by_nobodys_word_is_seen(stage: Stage) -> None:
    """Whatever is in it."""
    stage.checks.check_fetched(stage.host, Fetched("f", stage.host.directory / "f", 1, 1.0, {}))
    assert "has downloaded 'f' by the word of None" in stage.check()


def test_who_may_not_publish_is_told_why() -> None:
    """And not something else."""
    assert is_right_refusal(BadSignature("'f' cannot be published by p, which may publish only g."))
    assert is_right_refusal(AlreadyExists("This peer holds 'f' already."))
    assert not is_right_refusal(BadSignature("'f' is not signed."))
    assert not is_right_refusal(Refused("'f' was not published."))


def test_patterns_say_who_may_publish() -> None:
    """In an open swarm everybody may."""
    membership = Membership(TERMS)
    assert membership.may_publish("source", "f0")
    assert not membership.may_publish("source", "g")
    assert not membership.may_publish("peer", "f0")
    assert not membership.may_publish("liar0", "f0")
    assert Membership().may_publish("liar0", "f0")
