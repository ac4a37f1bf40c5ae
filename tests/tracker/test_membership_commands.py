"""The commands of a private swarm: what is typed becomes an invitation, a table, a revocation."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from p2pfs.commands import TRACKER_COMMANDS, Caller
from p2pfs.console.command import Answer, CommandSet
from p2pfs.errors import (
    InvalidAddress,
    InvalidMember,
    NotAllowed,
    NotFound,
    P2pfsError,
    Refused,
    UsageProblem,
)
from p2pfs.membership import Invitation, Role, parse_invitation
from p2pfs.tracker.commands import tracker_commands
from p2pfs.tracker.enrolment import Enrolled, Invitations, Records, Terms
from tests.tracker.enrolment.applicants import DAY, NOW, applicant
from tests.tracker.tracker_connections import MemoryTracker

FINGERPRINT = sha256(b"swarm").hexdigest()


class Desk:
    """The enrolment of a swarm, on record as a tracker's."""

    fingerprint = FINGERPRINT
    name = "tracker.hq"

    def __init__(self, path: Path) -> None:
        self.records = Records(path)
        self._invitations = Invitations(
            self.records, clock=Clock(), time=lambda: NOW, entropy=os.urandom, say=pytest.fail
        )

    async def invite(self, terms: Terms, uses: int, lifetime: float) -> bytes:
        return self._invitations.make(terms.role, terms.patterns, uses, lifetime)

    async def members(self) -> list[Enrolled]:
        return self.records.members()

    async def revoke(self, name: str) -> None:
        self.records.revoke(name, NOW)


class Console:
    """A tracker's console, and what the log says meanwhile."""

    def __init__(self, desk: Desk | None) -> None:
        tracker = MemoryTracker()
        self.listening: list[str] = ["192.0.2.10:6880"]
        self.hosts: Sequence[str] = ["192.0.2.7", "2001:db8::7"]
        self.logged: list[str] = []

        class Service:
            reactor, directory, factory = tracker.clock, tracker.directory, tracker.factory
            listening = self.listening

        self.commands: CommandSet = tracker_commands(
            Service(),  # type: ignore[arg-type]  # all that they need
            pytest.fail,
            desk,
            lambda: self.hosts,
        )

    def observe(self, event: LogEvent) -> None:
        self.logged.append(formatEvent(event))

    def give(self, *words: str, caller: Caller | None = None) -> Answer:
        """What a command comes to."""
        commands = self.commands if caller is None else self.commands.given_by(caller)
        answers: list[Answer] = []
        failures: list[BaseException] = []
        running = commands.run(commands.definitions.parse(words), lambda _: None)
        running.addCallbacks(answers.append, lambda failure: failures.append(failure.value))
        if failures:
            raise failures[0]
        return answers[0]

    def invited(self, *words: str) -> Invitation:
        """The invitation that is made."""
        [line] = self.give("invite", *words).lines
        return parse_invitation(line)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Who is invited and who is a member."""
    made = Desk(tmp_path / "db")
    yield made
    made.records.close()


@pytest.fixture
def console(desk: Desk) -> Iterator[Console]:
    """The console of a private swarm's tracker."""
    made = Console(desk)
    globalLogPublisher.addObserver(made.observe)
    yield made
    globalLogPublisher.removeObserver(made.observe)


def test_an_invitation_is_one_line_and_all_that_is_needed(console: Console, desk: Desk) -> None:
    """As it is piped into ``p2pfs join``. Without a word, it is for one reader, for an hour."""
    answer = console.give("invite")
    [line] = answer.lines
    invitation = parse_invitation(line)
    assert list(map(str, invitation.addresses)) == ["192.0.2.10:6880"]
    assert invitation.fingerprint.hex() == FINGERPRINT
    assert invitation.tracker == "tracker.hq"
    assert desk._invitations.redeem(invitation.secret, "", applicant("a")) == Terms(Role.READER)
    [issued] = desk.records.invitations()
    assert (issued.uses_left, issued.expires) == (0, NOW + 3600)
    assert answer.data == {
        "invitation": line,
        "addresses": ["192.0.2.10:6880"],
        "fingerprint": FINGERPRINT,
        "role": "reader",
        "names": [],
        "uses": 1,
        "seconds": 3600.0,
    }


def test_a_fleet_is_invited_by_one(console: Console, desk: Desk) -> None:
    """With what its machines may publish, how many they are, and for how long."""
    words = ["--role", "publisher", "--names", "models/*  data/*", "--uses", "200"]
    console.invited(*words, "--expires", "7d")
    [issued] = desk.records.invitations()
    assert issued.terms == Terms(Role.PUBLISHER, ("models/*", "data/*"))
    assert (issued.uses_left, issued.expires) == (200, NOW + 7 * DAY)


@pytest.mark.parametrize(
    ("names", "patterns"),
    [
        ("*", ["*"]),
        ("a,b", ["a,b"]),
        ("'my models/*' b", ["my models/*", "b"]),
        ('"it\'s"', ["it's"]),
        ("#1 é*", ["#1", "é*"]),
    ],
)
def test_patterns_have_white_space_between_them(
    console: Console, desk: Desk, names: str, patterns: list[str]
) -> None:
    """Commas may stand in names; what has white space in it is quoted."""
    console.invited("--role=publisher", f"--names={names}")
    assert desk.records.invitations()[0].terms.patterns == tuple(patterns)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("1h", 3600), ("7d", 7 * DAY)]
)
def test_times_have_units(console: Console, desk: Desk, text: str, seconds: float) -> None:
    """A number alone could be anything."""
    console.invited("--expires", text)
    assert desk.records.invitations()[0].expires == NOW + seconds


@pytest.mark.parametrize(
    ("words", "error", "reason"),
    [
        (["--role=publisher"], UsageProblem, r"--names '\*' is for all"),
        (["--role=publisher", "--names= "], UsageProblem, r"--names '\*' is for all"),
        (["--role=publisher", "--names='a"], UsageProblem, "check its quotes"),
        (["--names=*"], InvalidMember, "leave out the names"),
        (["--role=publisher", "--names=" + "a" * 257], InvalidMember, "256"),
        (["--role=publisher", "--names=" + "a " * 33], InvalidMember, "1 to 32"),
        (["--role=tracker"], UsageProblem, "reader or publisher"),
        (["--uses=0"], UsageProblem, "1 to 10,000"),
        (["--uses=-1"], UsageProblem, "--uses needs a number"),
        (["--uses=two"], UsageProblem, "--uses needs a number"),
        (["--uses=" + "9" * 5000], UsageProblem, "--uses needs a number"),
        (["--expires=1"], UsageProblem, "90s, 10m, 1h or 7d"),
        (["--expires=1w"], UsageProblem, "90s, 10m, 1h or 7d"),
        (["--expires=\u0661h"], UsageProblem, "90s, 10m, 1h or 7d"),
        (["--expires=0s"], UsageProblem, "more than none"),
        (["--expires=31d"], UsageProblem, "at most 30 days"),
        (["--address=nowhere"], InvalidAddress, "host:port"),
        (["--address=:6880"], UsageProblem, "a host that others can reach"),
        (["--address=0.0.0.0:6880"], UsageProblem, "a host that others can reach"),
    ],
)
def test_what_no_invitation_can_be_is_told(
    console: Console, desk: Desk, words: list[str], error: type[P2pfsError], reason: str
) -> None:
    """And none is made."""
    with pytest.raises(error, match=reason) as told:
        console.give("invite", *words)
    assert str(told.value).isprintable()
    assert desk.records.invitations() == []


def test_where_a_tracker_is_reached_may_be_told(console: Console) -> None:
    """As behind a router, or by a name that outlives an address."""
    invitation = console.invited("--address", "Tracker.Example:6880")
    assert list(map(str, invitation.addresses)) == ["tracker.example:6880"]


def test_a_tracker_that_listens_everywhere_names_this_machine_s_addresses(
    console: Console,
) -> None:
    """Each with the port; and beside them the ones that it was told to listen at."""
    console.listening[:] = ["0.0.0.0:6880", "[::]:6880", "unix:/x", "127.0.0.1:1", "192.0.2.7:2"]
    assert list(map(str, console.invited().addresses)) == [
        *("192.0.2.7:6880", "[2001:db8::7]:6880", "192.0.2.7:2"),
    ]
    console.hosts = [f"192.0.2.{number}" for number in range(1, 30)]
    assert len(console.invited().addresses) == 8
    assert not any("only this machine" in line for line in console.logged)


@pytest.mark.parametrize(
    ("listening", "named"),
    [("127.0.0.1:6880", "127.0.0.1:6880"), ("[::1]:1", "[::1]:1"), ("0.0.0.0:5", "127.0.0.1:5")],
)
def test_one_that_only_this_machine_reaches_is_told_in_the_log(
    console: Console, listening: str, named: str
) -> None:
    """The answer is the invitation alone, as a program reads it."""
    console.listening[:] = [listening]
    console.hosts = []
    assert list(map(str, console.invited().addresses)) == [named]
    assert any("only this machine can use" in line for line in console.logged)


def test_a_tracker_that_listens_nowhere_invites_nobody(console: Console, desk: Desk) -> None:
    """Unless it is told where it will."""
    console.listening.clear()
    with pytest.raises(UsageProblem, match="or give --address"):
        console.give("invite")
    assert desk.records.invitations() == []
    console.invited("--address=192.0.2.1:6880")


def test_no_secret_is_in_the_log(console: Console) -> None:
    """It has who gave which command, and not what was answered."""
    invitation = console.invited("--uses", "3")
    [line] = [line for line in console.logged if "invite" in line]
    assert "invite --uses 3" in line
    assert invitation.text()[20:] not in line
    assert invitation.secret.hex() not in line


def test_members_are_shown_by_name(console: Console, desk: Desk) -> None:
    """Since when and until when, where they are, and when they were last there."""
    assert console.give("members").lines == [
        "There is no member yet; 'invite' makes an invitation."
    ]
    publisher = Terms(Role.PUBLISHER, ("models/*", "a b"))
    desk.records.admit(applicant("gpu-2"), publisher, NOW)
    other = applicant("gpu-1", days=10)
    desk.records.admit(other, Terms(Role.READER), NOW + 60)
    answer = console.give("members")
    assert answer.data == [
        {
            "name": "gpu-1",
            "role": "reader",
            "names": [],
            "since": NOW,
            "until": NOW + 10 * DAY,
            "address": "192.0.2.7:6881",
            "seen": NOW + 60,
        },
        {
            "name": "gpu-2",
            "role": "publisher",
            "names": ["models/*", "a b"],
            "since": NOW,
            "until": NOW + 30 * DAY,
            "address": "192.0.2.7:6881",
            "seen": NOW,
        },
    ]
    assert answer.lines[0].split("  ")[0] == "name"
    assert [line.split()[0] for line in answer.lines[1:]] == ["gpu-1", "gpu-2"]


def test_one_that_was_never_seen_has_a_dash(console: Console, desk: Desk) -> None:
    """And null in JSON: not a time in 1970."""

    async def members() -> list[Enrolled]:
        return [Enrolled("a", bytes(32), Terms(Role.READER), 1, NOW, NOW, "", 0)]

    desk.members = members  # type: ignore[method-assign]  # as a record may be
    answer = console.give("members")
    assert (answer.data[0]["address"], answer.data[0]["seen"]) == (None, None)
    assert answer.lines[1].split()[-2:] == ["-", "-"]


def test_a_member_is_put_out(console: Console, desk: Desk) -> None:
    """At once; one that is not there is told."""
    desk.records.admit(applicant("gpu-17"), Terms(Role.READER), NOW)
    answer = console.give("revoke", "gpu-17")
    assert answer.data == {"revoked": "gpu-17"}
    assert "gpu-17" in answer.lines[0]
    assert [each.name for each in desk.records.revocations()] == ["gpu-17"]
    with pytest.raises(NotFound, match="no member gpu-17"):
        console.give("revoke", "gpu-17")


@pytest.mark.parametrize("words", [["invite"], ["members"], ["revoke", "a"]])
def test_an_open_swarm_says_how_it_becomes_private(words: list[str]) -> None:
    """It has no members."""
    with pytest.raises(Refused, match="'p2pfs tracker private' makes it a private one"):
        Console(None).give(*words)


@pytest.mark.parametrize("words", [["invite"], ["members"], ["revoke", "a"]])
def test_they_are_for_who_runs_the_tracker(console: Console, words: list[str]) -> None:
    """A guest of its console lets nobody in, and puts nobody out."""
    with pytest.raises(NotAllowed):
        console.give(*words, caller=Caller("a guest", is_guest=True))
    assert TRACKER_COMMANDS[words[0]].question == ""  # scripts have nobody to answer
