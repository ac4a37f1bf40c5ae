"""Who answers for a tracker is known before anything is said; whatever else answers is told."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from OpenSSL import SSL

from p2pfs.addresses import Address
from p2pfs.cli.joining_connection import LONGEST_LINE, LONGEST_WELCOME, TrackerConnection
from p2pfs.errors import HandshakeFailed
from p2pfs.membership import Invitation, Role
from tests.cli.swarm_tracker import NAME, SwarmTracker
from tests.membership.swarms import NOW, company


def enter(address: Address, invitation: Invitation, seconds: float) -> None:
    """Connect, up to the welcome."""
    with closing(TrackerConnection.reach(address, seconds)) as connection:
        connection.check(invitation, time.time())
        connection.come_in()


def refused(tracker: SwarmTracker, seconds: float = 10) -> str:
    """Why nothing came of a connection, up to the welcome."""
    with tracker.listening() as address:
        invitation = tracker.invitation(address)
        with pytest.raises(HandshakeFailed) as told:
            enter(address, invitation, seconds)
    assert str(address) in str(told.value)
    assert str(told.value).isprintable()
    return str(told.value)


def test_the_authority_is_found_in_what_came(tracker: SwarmTracker, tmp_path: Path) -> None:
    """By its fingerprint, also where a company's root is above it."""
    with tracker.listening() as address, closing(TrackerConnection.reach(address)) as connection:
        found = connection.check(tracker.invitation(address), time.time())
    assert found == tracker.authority.certificate
    below, root = company(tmp_path / "company")
    other = SwarmTracker(tmp_path / "other", below, lambda: NOW)
    with other.listening() as address, closing(TrackerConnection.reach(address)) as connection:
        found = connection.check(other.invitation(address), NOW)
    assert found == below.certificate
    assert root in other.chain
    other.records.close()


def _another_authority(tracker: SwarmTracker, directory: Path) -> None:
    other = tracker.another()
    tracker.key, tracker.chain = other.key, other.chain


def _self_signed(tracker: SwarmTracker, directory: Path) -> None:
    """With all the right names, and the right authority behind it."""
    real, now = tracker.chain[0], datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(real.subject)
        .issuer_name(real.issuer)
        .public_key(tracker.key.private.public_key())
        .serial_number(17)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    for extension in real.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    tracker.chain = (builder.sign(tracker.key.private, None), *tracker.authority.chain)


def _only_its_own(tracker: SwarmTracker, directory: Path) -> None:
    tracker.chain = tracker.chain[:1]


def _shows(role: Role, name: str = NAME, age: float = 0) -> Callable[[SwarmTracker, Path], None]:
    def change(tracker: SwarmTracker, directory: Path) -> None:
        own = tracker.issued(tracker.key.public, name, role, age=age)
        tracker.chain = (own, *tracker.authority.chain)

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_another_authority, "is not of the swarm"),
        (_only_its_own, "is not of the swarm"),
        (_self_signed, "was not issued by this swarm's authority"),
        (_shows(Role.READER), "is a reader, and a tracker is needed"),
        (_shows(Role.TRACKER, "tracker.other"), "answered where tracker.hq was expected"),
    ],
    ids=["another authority", "no authority", "self-signed", "a reader", "another name"],
)
def test_an_impostor_is_told_nothing(
    tracker: SwarmTracker,
    tmp_path: Path,
    change: Callable[[SwarmTracker, Path], None],
    reason: str,
) -> None:
    """Nor does it count what it shows beside."""
    change(tracker, tmp_path / "impostor")
    told = refused(tracker)
    assert reason in told
    assert "was told nothing" in told
    assert tracker.heard == b""


def test_certificates_hold_in_their_time(tracker: SwarmTracker) -> None:
    """By this machine's clock, which the sentence blames too."""
    with tracker.listening() as address:
        invitation = tracker.invitation(address)
        for days, reason in ((31, "has expired"), (-1, "does not hold yet")):
            with (
                closing(TrackerConnection.reach(address)) as connection,
                pytest.raises(HandshakeFailed, match=f"{reason}.*clock"),
            ):
                connection.check(invitation, time.time() + days * 86_400)
    assert tracker.heard == b""


def test_one_that_hangs_up_is_told(tracker: SwarmTracker) -> None:
    """As a full one does, and a router that leads nowhere."""
    tracker.serve = lambda connected: connected.close()  # type: ignore[method-assign]  # no TLS
    assert "ended before all was said" in refused(tracker)


def test_no_other_tls_will_do(tracker: SwarmTracker) -> None:
    """Of 1.2 an eavesdropper could read the certificates."""
    tracker.version = SSL.TLS1_2_VERSION
    assert "does not speak TLS 1.3" in refused(tracker)


@pytest.mark.parametrize("data", [b"SSH-2.0-OpenSSH\r\n", b'{"type":"ERROR"}\n', bytes(9000)])
def test_what_is_no_tls_is_told(tracker: SwarmTracker, data: bytes) -> None:
    """An open swarm's tracker, for one."""

    def say(connected: socket.socket) -> None:
        connected.sendall(data)
        while connected.recv(1 << 14):
            pass

    tracker.serve = say  # type: ignore[method-assign]  # without TLS
    assert "does not speak TLS 1.3" in refused(tracker)


def test_nobody_is_waited_for_for_ever(tracker: SwarmTracker) -> None:
    """Neither one that never shakes hands, nor one that never says welcome."""

    def listen(connected: socket.socket) -> None:
        while connected.recv(1 << 14):
            pass

    tracker.welcome = b"still thinking"
    assert "took too long" in refused(tracker, 0.3)
    tracker.serve = listen  # type: ignore[method-assign]  # without TLS
    assert "took too long" in refused(tracker, 0.3)


def test_a_port_where_nobody_is_is_told() -> None:
    """With the system's reason."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = Address(*listener.getsockname())
    with pytest.raises(HandshakeFailed, match=r"nobody answers \(Connection refused"):
        TrackerConnection.reach(address)
    with pytest.raises(HandshakeFailed, match="nobody answers"):
        TrackerConnection.reach(Address("x" * 70 + ".invalid", 1))


def test_why_one_is_not_let_in_is_told(tracker: SwarmTracker) -> None:
    """In the tracker's words, made fit for a terminal."""
    tracker.welcome = b"-all connections are in use \x1b[2J there; try again later.\n"
    told = refused(tracker)
    assert "all connections are in use" in told
    assert "later." in told
    assert ".." not in told


@pytest.mark.parametrize(
    "line",
    [b"\n", b"hello\n", b"+ \n", b"{}\n", b"x" * 2 * LONGEST_WELCOME, b"-%b\n" % (b"x" * 600)],
)
def test_what_is_no_welcome_is_told(tracker: SwarmTracker, line: bytes) -> None:
    """And no more is read than such a line may have."""
    tracker.welcome = line
    assert "is not understood" in refused(tracker)


def test_a_line_has_an_end(tracker: SwarmTracker) -> None:
    """Beyond what an answer may have, nothing more is kept; up to there it is whole."""
    tracker.welcome = b"+\n" + b"a" * LONGEST_LINE + b"\n" + b"b" * (LONGEST_LINE + (1 << 15))
    with tracker.listening() as address, closing(TrackerConnection.reach(address)) as connection:
        connection.come_in()
        assert connection.read_line() == b"a" * LONGEST_LINE
        with pytest.raises(HandshakeFailed, match="is not understood"):
            connection.read_line()
