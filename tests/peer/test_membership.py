"""A peer as a member: what it keeps, and when it has its certificate renewed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from p2pfs.addresses import Address
from p2pfs.errors import StartupProblem, TrackerUnavailable
from p2pfs.identity import PeerKey
from p2pfs.membership import (
    MEMBERSHIP_FILE,
    REVOCATIONS_FILE,
    Joined,
    encode_chain,
    kept_revocations,
)
from p2pfs.peer.membership import TEND_SECONDS, Membership
from p2pfs.testing import InlineReactor
from p2pfs.testing.door import PlainDoor
from tests.conftest import LoggedFailures
from tests.membership.swarms import DAY, KEY, NOW, authority, issued


class Scene:
    """A member of a swarm whose tracker answers what a test wants."""

    def __init__(self, directory: Path) -> None:
        self.state = directory
        self.now = NOW
        self.reactor = InlineReactor()
        self.authority = authority(directory / "authority")
        self.joined = Joined(
            (Address("2001:db8::1", 6880),), self.authority.certificate, (issued(self.authority),)
        )
        self.joined.write(directory)
        self.asked = 0
        self.answer: Any = TrackerUnavailable("The tracker is away.")
        self.membership = self.begin(KEY)
        self.lines: list[str] = []

    def begin(self, key: PeerKey) -> Membership:
        """What a peer begins with that has that key."""
        return Membership(self.reactor, self.state, self.joined, key, lambda: self.now, PlainDoor)

    async def ask(self) -> list[bytes]:
        """The tracker's answer to who wants a new certificate."""
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return encode_chain(self.answer)

    def start(self, days: float = 0) -> None:
        """Begin after so many days, and have it look a few times."""
        self.now += days * DAY
        self.membership.start(self.ask)
        self.reactor.pump([TEND_SECONDS] * 3)

    def take(self, der: bytes) -> None:
        """A list of revocations comes."""
        taken = Deferred.fromCoroutine(self.membership.take_revocations(der))
        assert taken.called

    def observe(self, event: LogEvent) -> None:
        self.lines.append(formatEvent(event))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A member since now."""
    scene = Scene(tmp_path)
    globalLogPublisher.addObserver(scene.observe)
    yield scene
    globalLogPublisher.removeObserver(scene.observe)
    scene.membership.stop()
    assert not scene.reactor.getDelayedCalls()


def test_the_key_has_to_be_that_of_the_certificate(scene: Scene) -> None:
    """A state directory that was put together of two is told, rather than refused everywhere."""
    with pytest.raises(StartupProblem, match="another key"):
        scene.begin(PeerKey.from_seed(bytes(32)))


def test_it_knows_its_tracker(scene: Scene) -> None:
    """As an endpoint string; an IPv6 address has colons."""
    assert scene.membership.tracker == r"tcp:2001\:db8\:\:1:6880"


def test_a_certificate_is_not_renewed_too_early(scene: Scene) -> None:
    """Two thirds of its time have to pass."""
    scene.start(19)
    assert scene.asked == 0


def test_a_renewed_certificate_is_kept_and_shown(scene: Scene) -> None:
    """Once, as the new one holds for long."""
    scene.answer = (issued(scene.authority, now=NOW + 21 * DAY),)
    scene.start(21)
    assert scene.asked == 1
    assert scene.membership.swarm.member.not_after == NOW + 51 * DAY
    assert scene.membership.swarm.credentials.chain == scene.answer
    assert Joined.kept_in(scene.state) == scene.joined.with_chain(scene.answer)


def test_while_the_tracker_is_away_it_is_tried_again(scene: Scene) -> None:
    """And told once, however often."""
    scene.start(21)
    assert scene.asked == 4
    assert sum("is to be renewed" in line for line in scene.lines) == 1
    scene.answer = (issued(scene.authority, now=NOW + 21 * DAY),)
    scene.reactor.advance(TEND_SECONDS)
    assert scene.membership.swarm.member.not_after == NOW + 51 * DAY


@pytest.mark.parametrize("fault", ["another authority", "another name", "another key", "nothing"])
def test_a_wrong_certificate_is_not_taken(scene: Scene, fault: str, tmp_path: Path) -> None:
    """The one that it has stays."""
    now = NOW + 21 * DAY
    other = authority(tmp_path / "other", seed=2)
    stranger = PeerKey.from_seed(bytes(32)).public
    member = scene.membership.swarm.member
    scene.answer = {
        "another authority": (issued(other, now=now),),
        "another name": (issued(scene.authority, "gpu-18", now=now),),
        "another key": (
            scene.authority.issue(stranger, member.name, member.role, member.patterns, now),
        ),
        "nothing": (),
    }[fault]
    scene.start(21)
    assert Joined.kept_in(scene.state) == scene.joined
    assert scene.membership.swarm.credentials.chain == scene.joined.chain


def test_what_cannot_be_kept_is_told(scene: Scene) -> None:
    """It is asked for again, as it would be lost with the next restart."""
    (scene.state / (MEMBERSHIP_FILE + ".new")).mkdir()
    scene.answer = (issued(scene.authority, now=NOW + 21 * DAY),)
    scene.start(21)
    assert any("cannot be kept" in line for line in scene.lines)
    assert scene.membership.swarm.credentials.chain == scene.joined.chain


def test_a_defect_is_logged_and_does_not_end_it(
    scene: Scene, logged_failures: LoggedFailures
) -> None:
    """The next look comes as ever."""
    scene.answer = ZeroDivisionError("a defect")
    scene.start(21)
    assert len(logged_failures.flush()) == scene.asked == 4


def test_a_newer_list_is_kept(scene: Scene) -> None:
    """It holds while the tracker is away, and after a restart."""
    serial = scene.membership.swarm.member.serial
    scene.take(scene.authority.revocation_list(2, {serial: NOW}, NOW).der)
    scene.take(scene.authority.revocation_list(1, {}, NOW).der)
    kept = kept_revocations(scene.state, scene.authority.certificate)
    assert kept is not None
    assert (kept.number, kept.is_revoked(serial)) == (2, True)
    again = scene.begin(KEY).swarm.revocations
    assert again is not None
    assert again.number == 2


def test_a_wrong_list_changes_nothing(scene: Scene, tmp_path: Path) -> None:
    """Rubbish, or one of another authority: a tracker cannot revoke, only the authority can."""
    other = authority(tmp_path / "other", seed=2)
    for der in (b"rubbish", b"", other.revocation_list(9, {}, NOW).der):
        scene.take(der)
    assert scene.membership.swarm.revocations is None
    assert not (scene.state / REVOCATIONS_FILE).exists()


def test_a_list_that_cannot_be_kept_holds_all_the_same(scene: Scene) -> None:
    """Until the peer stops, and the log says so."""
    (scene.state / (REVOCATIONS_FILE + ".new")).mkdir()
    scene.take(scene.authority.revocation_list(2, {}, NOW).der)
    assert scene.membership.swarm.revocations is not None
    assert any("cannot be kept" in line for line in scene.lines)
