"""Invitations made and redeemed, and those who guess."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from twisted.internet.task import Clock

from p2pfs.errors import InvalidMember, UsageProblem
from p2pfs.membership import SECRET_SIZE, Role
from p2pfs.tracker.enrolment import Invitations, NotEnrolled, NotInvited, Records, Terms
from p2pfs.tracker.enrolment.invitations import BURST, HOST_BURST, MAX_LIFETIME, MAX_USES
from tests.tracker.enrolment.applicants import NOW, applicant


class Desk:
    """Invitations with clocks that a test sets, and what they said."""

    def __init__(self, path: Path) -> None:
        self.records = Records(path)
        self.clock = Clock()
        self.now = NOW
        self.lines: list[str] = []
        self.invitations = Invitations(
            self.records,
            clock=self.clock,
            time=lambda: self.now,
            entropy=Random(1).randbytes,
            say=lambda format, **fields: self.lines.append(format.format(**fields)),
        )

    def guess(self, host: str = "192.0.2.9") -> str:
        """What somebody is told who has no invitation."""
        with pytest.raises(NotInvited) as told:
            self.invitations.redeem(bytes(SECRET_SIZE), host, applicant("guesser"))
        return str(told.value)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk with an empty record."""
    desk = Desk(tmp_path / "db")
    yield desk
    desk.records.close()


def test_from_one_invitation_to_a_fleet(desk: Desk) -> None:
    """All from one host, one after the other: who is right is not held up."""
    secret = desk.invitations.make(Role.PUBLISHER, ("models/*",), 50, 3600)
    for number in range(50):
        terms = desk.invitations.redeem(secret, "192.0.2.1", applicant(f"m{number}"))
        assert terms == Terms(Role.PUBLISHER, ("models/*",))
    with pytest.raises(NotInvited, match="used up"):
        desk.invitations.redeem(secret, "192.0.2.1", applicant("one more"))
    assert len(desk.records.members()) == 50


def test_the_secret_is_not_kept(desk: Desk, tmp_path: Path) -> None:
    """Who reads the tracker's state gets in nowhere with it."""
    secret = desk.invitations.make(Role.READER, (), 1, 60)
    desk.invitations.redeem(secret, "", applicant("a"))
    assert len(secret) == SECRET_SIZE
    assert all(secret not in path.read_bytes() for path in tmp_path.iterdir())
    assert secret.hex() not in "".join(desk.lines)


def test_it_ends_in_its_time(desk: Desk) -> None:
    """And does not begin again when the clock goes back."""
    secret = desk.invitations.make(Role.READER, (), 5, 60)
    desk.now += 60
    desk.invitations.expire()
    desk.now -= 50
    with pytest.raises(NotInvited, match="expired"):
        desk.invitations.redeem(secret, "", applicant("a"))


def test_a_host_that_guesses_has_to_wait(desk: Desk) -> None:
    """Also with a right one then; others do not. The log has one line on it."""
    secret = desk.invitations.make(Role.READER, (), 5, 3600)
    for _ in range(int(HOST_BURST)):
        assert "no such invitation" in desk.guess()
    assert "wait a minute" in desk.guess()
    with pytest.raises(NotInvited, match="wait a minute"):
        desk.invitations.redeem(secret, "192.0.2.9", applicant("a"))
    desk.invitations.redeem(secret, "192.0.2.1", applicant("a"))
    assert desk.lines == ["192.0.2.9: gave an invitation that is not good, or not any more."]
    desk.clock.advance(11)
    desk.invitations.redeem(secret, "192.0.2.9", applicant("b"))
    desk.clock.advance(600)
    desk.guess()
    assert "(11 more were not logged" in desk.lines[1]


def test_setting_the_clock_gives_no_more_guesses(desk: Desk) -> None:
    """They go by the clock that nobody sets."""
    for _ in range(int(HOST_BURST)):
        desk.guess()
    desk.now += 10**8
    assert "wait a minute" in desk.guess()


def test_all_hosts_together_are_limited(desk: Desk) -> None:
    """Many hosts have no more guesses than there are in all, take bounded memory and few lines."""
    told = [desk.guess(f"10.0.{n // 250}.{n % 250}") for n in range(3000)]
    assert sum("no such" in text for text in told) == BURST
    assert len(desk.invitations._hosts) <= BURST
    assert len(desk.lines) <= 1025


def test_who_is_right_but_in_the_way_is_no_guesser(desk: Desk) -> None:
    """A name that is taken costs neither a use nor a guess."""
    secret = desk.invitations.make(Role.READER, (), 2, 3600)
    desk.invitations.redeem(secret, "", applicant("a"))
    for _ in range(int(HOST_BURST) + 5):
        with pytest.raises(NotEnrolled):
            desk.invitations.redeem(secret, "", applicant("a", "other key"))
    desk.invitations.redeem(secret, "", applicant("b"))
    assert desk.lines == []


@pytest.mark.parametrize(
    ("role", "patterns", "uses", "lifetime", "text"),
    [
        (Role.TRACKER, (), 1, 60, "not invited"),
        (Role.PUBLISHER, (), 1, 60, "needs 1 to 32 patterns"),
        (Role.READER, ("a",), 1, 60, "publishes nothing"),
        (Role.PUBLISHER, ("",), 1, 60, "pattern"),
        (Role.PUBLISHER, ("x" * 257,), 1, 60, "pattern"),
        (Role.PUBLISHER, ("x",) * 33, 1, 60, "patterns"),
        (Role.READER, (), 0, 60, "uses"),
        (Role.READER, (), MAX_USES + 1, 60, "uses"),
        (Role.READER, (), 1, 0, "days"),
        (Role.READER, (), 1, float("nan"), "days"),
        (Role.READER, (), 1, MAX_LIFETIME + 1, "days"),
    ],
)
def test_what_is_no_invitation(
    desk: Desk, role: Role, patterns: tuple[str, ...], uses: int, lifetime: float, text: str
) -> None:
    """Each is a sentence, and nothing is on record."""
    with pytest.raises((InvalidMember, UsageProblem), match=text):
        desk.invitations.make(role, patterns, uses, lifetime)
    assert desk.records.invitations() == []
