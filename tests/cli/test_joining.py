"""Joining a private swarm: all of it or nothing, by an invitation and no more."""

from __future__ import annotations

import io
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.threads import deferToThread

from p2pfs.addresses import Address
from p2pfs.cli import joining
from p2pfs.cli.joining import join
from p2pfs.commands import LOCAL_COMMANDS, Definitions
from p2pfs.console.control.messages import AnswerMessage
from p2pfs.errors import (
    AlreadyExists,
    HandshakeFailed,
    InvalidMember,
    Refused,
    StartupProblem,
    StorageProblem,
    UsageProblem,
)
from p2pfs.identity import PeerKey
from p2pfs.membership import (
    InvalidInvitation,
    Invitation,
    Joined,
    Role,
    kept_revocations,
    verify,
)
from p2pfs.wire.messages import RequestJoin, decode, encode
from tests.cli.swarm_tracker import DAY, SwarmTracker, key_of
from tests.console.toy import p2pfs
from tests.membership.swarms import NOW, company

DEFINITIONS = Definitions(LOCAL_COMMANDS["peer"])


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Where a peer keeps its state, which it did not do yet."""
    return tmp_path / "home" / "peer"


def give(
    state: Path, invitation: Invitation, *words: str, clock: Callable[[], float] = time.time
) -> AnswerMessage:
    """Join by a file that has the invitation, on a machine called Gpu_17."""
    file = state.parent.parent / "invitation"
    file.write_text(f"{invitation.text()}\n")
    return join(state, DEFINITIONS.parse(["join", *words, str(file)]), lambda: "Gpu_17", clock)


def is_no_member(state: Path) -> bool:
    """Whether nothing was kept but the key, neither whole nor by half."""
    return not state.exists() or {path.name for path in state.iterdir()} <= {"peer_key"}


def test_one_invitation_makes_a_member(tracker: SwarmTracker, state: Path) -> None:
    """Of what the tracker let it in as, for the key that is made here and stays here."""
    with tracker.listening() as address:
        invitation = tracker.invitation(address, role=Role.PUBLISHER, names=["models/*", "a b"])
        answer = give(state, invitation)
    joined = Joined.kept_in(state)
    assert joined is not None
    member = joined.member
    assert (member.name, member.role, member.patterns) == (
        *("gpu-17", Role.PUBLISHER),
        ("models/*", "a b"),
    )
    assert member.key == PeerKey.kept_in(state / "peer_key", pytest.fail).public
    assert verify(joined.chain, tracker.authority.certificate, None, time.time()) == member
    assert joined.trackers == (address,)
    revocations = kept_revocations(state, joined.authority)
    assert revocations is not None
    assert answer.data == {
        "name": "gpu-17",
        "role": "publisher",
        "names": ["models/*", "a b"],
        "fingerprint": tracker.authority.fingerprint,
        "until": member.not_after,
        "trackers": [str(address)],
    }
    begin = tracker.authority.fingerprint[:16]
    assert answer.lines[0] == (
        f"Joined the swarm {begin}… as gpu-17, a publisher of models/*, a b."
    )
    assert [line.isprintable() for line in answer.lines] == [True, True]
    assert state.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in state.iterdir()} == dict.fromkeys(
        ["membership.json", "peer_key", "revocations.crl"], 0o600
    )


def test_what_is_asked_is_as_the_wire_has_it(tracker: SwarmTracker, state: Path) -> None:
    """The program has messages of its own, which are to be the same."""
    with tracker.listening() as address:
        invitation = tracker.invitation(address)
        assert give(state, invitation, "--name", "Hq.Example").data["name"] == "hq.example"
    request = decode(tracker.heard[:-1])
    assert isinstance(request, RequestJoin)
    assert (request.name, request.secret) == ("hq.example", invitation.secret)
    assert encode(request) == tracker.heard


def test_an_authority_of_a_company_s_will_do(tmp_path: Path, state: Path) -> None:
    """What is trusted is the swarm's own, whatever is above it."""
    below, _ = company(tmp_path / "company")
    tracker = SwarmTracker(tmp_path / "tracker", below, lambda: NOW)
    with tracker.listening() as address:
        give(state, tracker.invitation(address), clock=lambda: NOW)
    joined = Joined.kept_in(state)
    assert joined is not None
    assert joined.authority == below.certificate
    assert verify(joined.chain, below.certificate, None, NOW).name == "gpu-17"
    tracker.records.close()


def test_a_lost_answer_costs_nothing(tracker: SwarmTracker, state: Path) -> None:
    """The same invitation, name and key are the same member, and take no further use."""

    def lose(request: RequestJoin) -> bytes:
        tracker.let_in(request)
        return b""

    with tracker.listening() as address:
        invitation = tracker.invitation(address, uses=1)
        tracker.answer = lose
        with pytest.raises(HandshakeFailed, match="ended before all was said; try again"):
            give(state, invitation)
        assert is_no_member(state)
        assert [each.uses_left for each in tracker.records.invitations()] == [0]
        tracker.answer = tracker.let_in
        give(state, invitation)
    assert Joined.kept_in(state) is not None
    assert len(tracker.records.members()) == 1


def test_a_tracker_s_refusal_is_told(tracker: SwarmTracker, state: Path) -> None:
    """Of an invitation that is used up, and of a name that is another's, with what helps."""
    with tracker.listening() as address:
        invitation = tracker.invitation(address)
        give(state, invitation)
        with pytest.raises(Refused, match="used up"):
            give(state.with_name("other"), invitation, "--name", "other")
        with pytest.raises(Refused, match="another name with --name"):
            give(state.with_name("other"), tracker.invitation(address))
    assert is_no_member(state.with_name("other"))


def test_addresses_are_tried_in_turn(tracker: SwarmTracker, tmp_path: Path, state: Path) -> None:
    """One where nobody is, and one where another swarm is, keep nobody out of the right one."""
    other = SwarmTracker(tmp_path / "other")
    with tracker.listening() as right, other.listening() as wrong:
        invitation = tracker.invitation(Address("127.0.0.1", 1), wrong, right)
        assert give(state, invitation).data["trackers"] == [str(right), "127.0.0.1:1", str(wrong)]
        assert other.heard == b""
        nowhere = tracker.invitation(Address("127.0.0.1", 1), wrong)
        with pytest.raises(HandshakeFailed, match=r"nobody answers .*is not of the swarm"):
            give(state.with_name("second"), nowhere)
    assert is_no_member(state.with_name("second"))
    other.records.close()


def _for_another_key(tracker: SwarmTracker, request: RequestJoin) -> bytes:
    other = PeerKey.from_seed(bytes(32)).public
    return tracker.reply(tracker.issued(other, request.name, Role.READER))


def _for_another_name(tracker: SwarmTracker, request: RequestJoin) -> bytes:
    return tracker.reply(tracker.issued(key_of(request), "other", Role.READER))


def _as_a_tracker(tracker: SwarmTracker, request: RequestJoin) -> bytes:
    return tracker.reply(tracker.issued(key_of(request), request.name, Role.TRACKER))


def _revoked(tracker: SwarmTracker, request: RequestJoin) -> bytes:
    issued = tracker.issued(key_of(request), request.name, Role.READER)
    return tracker.reply(issued, revoked=[issued.serial_number])


def _expired(tracker: SwarmTracker, request: RequestJoin) -> bytes:
    own = tracker.issued(key_of(request), request.name, Role.READER, age=31 * DAY)
    return tracker.reply(own)


def _of_another_authority(tracker: SwarmTracker, request: RequestJoin) -> bytes:
    other = tracker.another()
    issued = other.issued(key_of(request), request.name, Role.READER)
    return other.reply(issued)


def _with_another_list(tracker: SwarmTracker, request: RequestJoin) -> bytes:
    issued = tracker.issued(key_of(request), request.name, Role.READER)
    return tracker.reply(issued, listed_by=tracker.another())


def _nothing(tracker: SwarmTracker, request: RequestJoin) -> bytes:
    return tracker.reply()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (_for_another_key, "for another key"),
        (_for_another_name, "answered where gpu-17 was expected"),
        (_as_a_tracker, "is a tracker, and a publisher or reader is needed"),
        (_revoked, "is revoked"),
        (_expired, "has expired"),
        (_of_another_authority, "not signed by this swarm's authority"),
        (_with_another_list, "not signed by this swarm's authority"),
        (_nothing, "has 0 certificates"),
        (lambda tracker, request: b"\n", "is not understood"),
        (lambda tracker, request: b"hello\n", "is not understood"),
        (lambda tracker, request: b"[" * 10_000 + b"\n", "is not understood"),
        (lambda tracker, request: b'"\xff"\n', "is not understood"),
        (lambda tracker, request: b'{"type":"REPLY_FILE_LIST"}\n', "is not understood"),
        (
            lambda tracker, request: b'{"type":"REPLY_JOIN","chain":["AA=="],"revocations":""}\n',
            "cannot be used",
        ),
    ],
)
def test_an_answer_that_cannot_be_used_is_not_kept(
    tracker: SwarmTracker,
    state: Path,
    answer: Callable[[SwarmTracker, RequestJoin], bytes],
    reason: str,
) -> None:
    """Nothing of it is there afterwards; the tracker is told to be wrong, and not the user."""
    tracker.answer = lambda request: answer(tracker, request)
    with tracker.listening() as address, pytest.raises(HandshakeFailed, match=reason) as told:
        give(state, tracker.invitation(address))
    assert str(told.value).isprintable()
    assert is_no_member(state)


def test_a_member_of_another_swarm_has_to_leave_first(
    tracker: SwarmTracker, tmp_path: Path, state: Path
) -> None:
    """Which file that is, the sentence says; nobody is asked anything."""
    other = SwarmTracker(tmp_path / "other")
    with tracker.listening() as address, other.listening() as elsewhere:
        give(state, tracker.invitation(address))
        with pytest.raises(AlreadyExists, match=r"membership\.json") as told:
            give(state, other.invitation(elsewhere))
        assert tracker.authority.fingerprint in str(told.value)
        assert other.heard == b""
        # Of the same swarm, it takes the place of what was there.
        publisher = tracker.invitation(address, role=Role.PUBLISHER, names=["*"])
        assert give(state, publisher).data["role"] == "publisher"
    joined = Joined.kept_in(state)
    assert joined is not None
    assert joined.member.role is Role.PUBLISHER
    other.records.close()


def test_a_newer_list_of_revocations_stays(tracker: SwarmTracker, state: Path) -> None:
    """Who is put out does not come back by an answer that is older."""
    with tracker.listening() as address:
        give(state, tracker.invitation(address))
        newer = tracker.authority.revocation_list(7, {1: 1.0}, time.time())
        (state / "revocations.crl").write_bytes(newer.der)
        give(state, tracker.invitation(address))
    kept = kept_revocations(state, tracker.authority.certificate)
    assert kept is not None
    assert kept.number == 7


def test_what_cannot_be_kept_is_told(tracker: SwarmTracker, state: Path) -> None:
    """And the membership, which comes last, is not there without the rest."""
    (state / "revocations.crl").mkdir(parents=True)
    with tracker.listening() as address:
        invitation = tracker.invitation(address)
        with pytest.raises(StorageProblem, match="join again with the same invitation"):
            give(state, invitation)
        assert Joined.kept_in(state) is None
        (state / "revocations.crl").rmdir()
        give(state, invitation)


def test_a_key_that_others_can_read_is_not_used(tracker: SwarmTracker, state: Path) -> None:
    """Before anybody is asked; the sentence says what to do."""
    state.mkdir(parents=True)
    PeerKey.kept_in(state / "peer_key", lambda count: bytes(count))
    (state / "peer_key").chmod(0o644)
    with tracker.listening() as address, pytest.raises(StartupProblem, match="chmod 600"):
        give(state, tracker.invitation(address))
    assert tracker.heard == b""


def test_a_name_is_checked_before_anybody_is_asked(tracker: SwarmTracker, state: Path) -> None:
    """Given, or made of the machine's."""
    invitation = tracker.invitation(Address("127.0.0.1", 1))
    with pytest.raises(InvalidMember, match="two words"):
        give(state, invitation, "--name=two words")
    (state.parent.parent / "file").write_text(invitation.text())
    call = DEFINITIONS.parse(["join", str(state.parent.parent / "file")])
    with pytest.raises(InvalidMember, match="give one with --name"):
        join(state, call, lambda: "10.0.0.1")
    assert is_no_member(state)


def given(*words: str) -> None:
    """Join by those words, which comes to nothing."""
    join(Path("/nonexistent"), DEFINITIONS.parse(["join", *words]), lambda: "here")


def test_an_invitation_is_no_argument(tracker: SwarmTracker) -> None:
    """Everybody could see it; nor is it shown once more."""
    text = tracker.invitation(Address("127.0.0.1", 1)).text()
    for word in (text, f"/some/where/{text}"):
        with pytest.raises(UsageProblem, match="everybody on this machine can see") as told:
            given(word)
        assert text[20:40] not in str(told.value)


def test_a_file_may_be_called_like_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it is there; one that is not, or cannot be read, is told."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p2pfs-invite-gpu").write_text("nonsense")
    with pytest.raises(InvalidInvitation, match="begins with"):
        given("p2pfs-invite-gpu")
    for word in ("absent", str(tmp_path), "x" * 5000, "nul\0"):
        with pytest.raises(StorageProblem, match="cannot be read") as told:
            given(word)
        assert str(told.value).isprintable()


class Typed(io.TextIOWrapper):
    """Standard input, at a terminal or not."""

    def __init__(self, data: bytes, is_terminal: bool) -> None:
        super().__init__(io.BytesIO(data))
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


def test_standard_input_is_read_where_it_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever comes there; an empty one is that of an ssh that failed."""
    for data in (b"", b"\n", b"\xff\0", b"nonsense" * 100_000):
        monkeypatch.setattr(sys, "stdin", Typed(data, False))
        with pytest.raises(InvalidInvitation, match="invitation"):
            given()
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InvalidInvitation, match="There is no invitation"):
        given()


def test_a_person_is_asked_without_an_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the system has for passwords; an end of input is no answer."""
    asked: list[str] = []

    def end(prompt: str) -> str:
        asked.append(prompt)
        raise EOFError

    monkeypatch.setattr(sys, "stdin", Typed(b"", True))
    monkeypatch.setattr(joining, "getpass", end)
    with pytest.raises(InvalidInvitation, match="There is no invitation"):
        given()
    assert len(asked) == 1


@ensureDeferred
async def test_one_line_over_a_pipe_is_all_of_it(tracker: SwarmTracker, tmp_path: Path) -> None:
    """The program itself, as ``ssh tracker p2pfs tracker invite | p2pfs join``."""
    with tracker.listening() as address:
        program = p2pfs("--state", str(tmp_path / "s"), "join", "--json", "--name", "gpu-1")
        program.type(f"{tracker.invitation(address).text()}\n")
        program.transport.closeStdin()
        assert await program.end() == 0
    assert json.loads(program.out)["name"] == "gpu-1"
    assert program.err == ""
    joined = Joined.kept_in(tmp_path / "s")
    assert joined is not None


@ensureDeferred
async def test_ctrl_c_leaves_nothing(tracker: SwarmTracker, tmp_path: Path) -> None:
    """Also while a tracker is silent; what it was told may count, and is asked for again."""
    tracker.welcome = b""
    with tracker.listening() as address:
        program = p2pfs("--state", str(tmp_path / "s"), "join", tty=True)
        await program.expect("is not shown")
        program.type(f"{tracker.invitation(address).text()}\n")
        await deferToThread(tracker.met.wait, 30)
        program.transport.signalProcess(signal.SIGINT)
        assert await program.end() == 130
    assert "p2pfs-invite-" not in program.out
    assert "Traceback" not in program.out
    assert is_no_member(tmp_path / "s")
