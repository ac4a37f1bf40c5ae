"""The command by which a machine becomes a member of a private swarm."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from getpass import getpass
from pathlib import Path

import msgspec
from cryptography import x509

from p2pfs.addresses import Address
from p2pfs.cli.joining_connection import TrackerConnection, failed
from p2pfs.cli.own_state import made_state_directory
from p2pfs.commands import Call
from p2pfs.console.control.messages import AnswerMessage
from p2pfs.errors import (
    AlreadyExists,
    HandshakeFailed,
    InvalidRevocations,
    NotAMember,
    Refused,
    StorageProblem,
    UsageProblem,
)
from p2pfs.identity import KEY_FILE, PeerKey
from p2pfs.membership import (
    MEMBERSHIP_FILE,
    Invitation,
    Joined,
    RevocationList,
    Role,
    kept_revocations,
    member_name,
    name_of_host,
    parse_invitation,
    read_certificate,
    request_certificate,
    swarm_fingerprint,
    verify,
    write_revocations,
)
from p2pfs.printable import printable

_PREFIX = "p2pfs-invite-"
_MOST_READ = 1 << 16
"""Characters of what is read as an invitation, whatever else is in that file."""


class _RequestJoin(msgspec.Struct, frozen=True, tag_field="type", tag="REQUEST_JOIN"):
    """As `p2pfs.wire.messages` has it, which cannot be loaded without Twisted."""

    name: str
    secret: bytes
    request: bytes


class _ReplyJoin(msgspec.Struct, frozen=True, tag_field="type", tag="REPLY_JOIN"):
    """The same."""

    chain: list[bytes]
    revocations: bytes


class _Error(msgspec.Struct, frozen=True, tag_field="type", tag="ERROR"):
    """The same."""

    message: str


def join(
    state: Path,
    call: Call,
    host: Callable[[], str] = socket.gethostname,
    clock: Callable[[], float] = time.time,
) -> AnswerMessage:
    """Become a member, and keep that in the state directory ``state``.

    ``host`` says what this machine is called, ``clock`` the seconds since 1970. Raises
    `P2pfsError`; whatever it raises or is interrupted by, nothing by half is left, and the same
    can be done again.
    """
    invitation = parse_invitation(_invitation_text(call.get("file")))
    given = call.options.get("name")
    name = name_of_host(host()) if given is None else member_name(given)
    _check_free(state, invitation)
    made_state_directory(state)
    key = PeerKey.kept_in(state / KEY_FILE, os.urandom)
    joined, revocations = _joined_at_any(invitation, name, key, clock)
    _keep(state, joined, revocations)
    return _answer(joined)


def _invitation_text(file: str | None) -> str:
    if file is None:
        if sys.stdin is None:  # it was closed before this program began
            return ""
        if sys.stdin.isatty():
            try:
                return getpass("Invitation (it is not shown): ")
            except EOFError:
                return ""
        return sys.stdin.buffer.read(_MOST_READ).decode(errors="replace")
    if Path(file).name.startswith(_PREFIX) and not os.path.exists(file):
        # Not shown: it is in a list of processes already, and need not be in a log too.
        raise UsageProblem(
            "An invitation is no argument, as everybody on this machine can see those (in ps); "
            "have a new one made, and give it on standard input, in a file, or at the prompt of "
            "'p2pfs join'."
        )
    try:
        with open(file, "rb") as opened:
            return opened.read(_MOST_READ).decode(errors="replace")
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or "it is no path"
        raise StorageProblem(
            f"The file {printable(file)} cannot be read ({reason}); name the one that has the "
            "invitation."
        ) from None


def _check_free(state: Path, invitation: Invitation) -> None:
    """Raise `AlreadyExists` when this peer is a member of another swarm."""
    kept = Joined.kept_in(state)
    if kept is None:
        return
    fingerprint = swarm_fingerprint(kept.authority)
    if fingerprint != invitation.fingerprint.hex():
        raise AlreadyExists(
            f"This peer has joined another swarm, {fingerprint}; to leave that, stop the peer and "
            f"remove {state / MEMBERSHIP_FILE}, or give another state directory with --state."
        )


def _joined_at_any(
    invitation: Invitation, name: str, key: PeerKey, clock: Callable[[], float]
) -> tuple[Joined, RevocationList]:
    """Join at the first of the tracker's addresses where that can be done."""
    problems: list[HandshakeFailed] = []
    for address in invitation.addresses:
        try:
            return _joined_at(address, invitation, name, key, clock)
        except HandshakeFailed as error:
            problems.append(error)
    raise HandshakeFailed(" ".join(map(str, problems)))


def _joined_at(
    address: Address,
    invitation: Invitation,
    name: str,
    key: PeerKey,
    clock: Callable[[], float],
) -> tuple[Joined, RevocationList]:
    request = _RequestJoin(name, invitation.secret, request_certificate(key, name))
    with closing(TrackerConnection.reach(address)) as tracker:
        authority = tracker.check(invitation, clock())
        tracker.come_in()
        tracker.send_line(msgspec.json.encode(request))
        line = tracker.read_line()
    try:
        reply = msgspec.json.decode(line, type=_ReplyJoin | _Error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise failed(
            address,
            "its answer is not understood; check that it has the same version of p2pfs",
        ) from None
    if isinstance(reply, _Error):
        raise Refused(f"The tracker did not let this machine in: {printable(reply.message)}")
    try:
        chain = [read_certificate(each) for each in reply.chain]
        revocations = RevocationList.read(reply.revocations, authority)
        _check_own(chain, authority, revocations, clock(), name, key)
    except (NotAMember, InvalidRevocations) as error:
        raise failed(
            address, f"the certificate that came cannot be used. {str(error).rstrip('.')}"
        ) from None
    others = (each for each in invitation.addresses if each != address)
    return Joined((address, *others), authority, tuple(chain)), revocations


def _check_own(
    chain: list[x509.Certificate],
    authority: x509.Certificate,
    revocations: RevocationList,
    now: float,
    name: str,
    key: PeerKey,
) -> None:
    """Raise `NotAMember` unless that chain makes the owner of the key a member of that name."""
    roles = {Role.READER, Role.PUBLISHER}
    member = verify(chain, authority, revocations, now, roles=roles, name=name)
    if member.key != key.public:
        raise NotAMember("It is for another key than this peer's; join again.")


def _keep(state: Path, joined: Joined, revocations: RevocationList) -> None:
    try:
        if revocations.is_newer_than(kept_revocations(state, joined.authority)):
            write_revocations(state, revocations)
        # Last: it is what makes this peer a member.
        joined.write(state)
    except OSError as error:
        raise StorageProblem(
            f"The membership cannot be kept in {state} ({error.strerror}); make room, or mend "
            "the directory's permissions, and join again with the same invitation."
        ) from None


def _answer(joined: Joined) -> AnswerMessage:
    member, fingerprint = joined.member, swarm_fingerprint(joined.authority)
    what = "a reader"
    if member.role is Role.PUBLISHER:
        what = f"a publisher of {', '.join(member.patterns)}"
    until = datetime.fromtimestamp(member.not_after).strftime("%Y-%m-%d %H:%M")
    return AnswerMessage(
        {
            "name": member.name,
            "role": member.role.value,
            "names": list(member.patterns),
            "fingerprint": fingerprint,
            "until": member.not_after,
            "trackers": [str(address) for address in joined.trackers],
        },
        [
            printable(f"Joined the swarm {fingerprint[:16]}… as {member.name}, {what}."),
            f"The certificate is good until {until}, and is renewed by the peer. Start the peer, "
            "again if it runs: it knows its tracker now.",
        ],
    )
