"""A private swarm of real processes, made by the commands that people have, and attacked."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from p2pfs.errors import P2pfsError
from tests.processes.daemons import MIB, Daemon, random_file, sha256, until
from tests.processes.private_machines import PrivateMachines

SIZE = 64 * MIB


@pytest.fixture
def machines(place: Path) -> Iterator[PrivateMachines]:
    """Daemons of one test, stopped and removed at its end."""
    machines = PrivateMachines(place / "machines")
    machines.directory.mkdir(mode=0o700)
    yield machines
    machines.close()


def port_of(peer: Daemon) -> int:
    """Where it listens."""
    return int(peer.ask("status")["listening"].rpartition(":")[2])


def test_members_share_what_nobody_else_gets(machines: PrivateMachines) -> None:
    """From the first command on; also after the tracker, which forgets all, was killed."""
    tracker = machines.tracker()
    source, sink = machines.peer("source"), machines.peer("sink")
    path = random_file(machines.directory / "x.bin", SIZE)
    source.ask("publish", str(path))
    answer = sink.ask("download", "x.bin", str(machines.directory / "copy"))
    assert sha256(machines.directory / "copy") == sha256(path)
    assert answer["publisher"] == {"member": "source"}
    tracker.kill()
    source.stop()
    tracker = machines.restart_tracker()
    until(lambda: sink.ask("status")["joined_as"])
    late = machines.peer("late")
    until(lambda: [each["name"] for each in late.ask("list_files")] == ["x.bin"])
    answer = late.ask("download", "x.bin", str(machines.directory / "late-copy"))
    assert sha256(machines.directory / "late-copy") == sha256(path)
    assert answer["publisher"] == {"member": "source"}
    assert {each["member"] for each in tracker.ask("list_peers")} == {"sink", "late"}
    assert [each["name"] for each in tracker.ask("members")] == ["late", "sink", "source"]


def test_a_peer_knows_its_tracker_from_joining(machines: PrivateMachines) -> None:
    """It needs no option for that."""
    machines.tracker()
    machines.run("one", "join", "--name", "one", given=machines.invite())
    peer = Daemon("peer", machines.directory / "one")
    machines.daemons.append(peer.ready())
    until(lambda: peer.ask("status")["joined_as"])
    assert peer.ask("status")["swarm"]["member"] == "one"
    assert peer.ask("status")["swarm"]["role"] == "reader"


def test_a_revoked_member_is_out_in_mid_transfer(
    machines: PrivateMachines, background: ThreadPoolExecutor
) -> None:
    """Within five seconds, with its sources too; another's download goes on."""
    tracker, source = machines.tracker(), machines.peer("source")
    path = random_file(machines.directory / "x.bin", SIZE)
    source.ask("publish", str(path))
    source.ask("limit", "upload", "8M")
    good, bad = machines.peer("good"), machines.peer("bad")
    fetched = background.submit(good.ask, "download", "x.bin", str(machines.directory / "copy"))
    failing = background.submit(bad.ask, "download", "x.bin", str(machines.directory / "bad"))

    def has_some() -> bool:
        return any(each["done"] > 0 for each in bad.ask("status")["downloads"])

    until(has_some)
    tracker.ask("revoke", "bad")
    until(lambda: not source.ask("status")["uploads"] or _receivers(source) == {"good"}, 5)
    until(lambda: "revoked" in bad.ask("status")["problem"], 15)
    assert bad.ask("status")["joined_as"] is None
    had = bad.ask("status")["downloads"][0]["done"]
    source.ask("limit", "upload", "none")
    fetched.result(60)
    assert sha256(machines.directory / "copy") == sha256(path)
    assert bad.ask("status")["downloads"][0]["done"] == had < SIZE
    bad.ask("cancel", "x.bin")
    with pytest.raises(P2pfsError):
        failing.result(10)


def _receivers(source: Daemon) -> set[str]:
    return {"good"} if len(source.ask("status")["uploads"]) <= 1 else {"good", "bad"}


def test_strangers_get_nowhere_at_any_port(machines: PrivateMachines) -> None:
    """Plain text, random bytes, an older TLS, and TLS without a certificate."""
    tracker = machines.tracker()
    peer = machines.peer("peer")
    for port in (machines.port, port_of(peer)):
        for said in (
            b'{"type":"REQUEST_FILE_LIST"}\n',
            os.urandom(4096),
            b"GET / HTTP/1.1\r\n\r\n",
        ):
            answer = _exchange(port, said)
            assert b"REPLY" not in answer
        with pytest.raises(ssl.SSLError):
            _tls(port, ssl.TLSVersion.TLSv1_2)
    assert b"REPLY" not in _said_without_certificate(port_of(peer))
    told = _said_without_certificate(machines.port)
    assert b"p2pfs join" in told
    assert tracker.answers()
    assert peer.ask("status")["joined_as"]


def test_no_session_is_resumed(machines: PrivateMachines) -> None:
    """By a resumed one, who was revoked could come back without being looked at."""
    machines.tracker()
    context = _context(ssl.TLSVersion.TLSv1_3)
    sessions: list[ssl.SSLSession | None] = [None]
    for _ in range(2):
        plain = socket.create_connection(("127.0.0.1", machines.port), 15)
        with context.wrap_socket(plain, session=sessions[-1]) as connection:
            assert connection.recv(2) == b"+\n"  # a ticket would have come before
            assert not connection.session_reused
            sessions.append(connection.session)


def test_handshakes_that_never_end_keep_no_member_out(machines: PrivateMachines) -> None:
    """Of another host, more than there is room for; some have begun to speak."""
    machines.tracker()
    peer = machines.peer("peer")
    path = random_file(machines.directory / "x.bin", MIB)
    peer.ask("publish", str(path))
    with ExitStack() as held:
        for port in (machines.port, port_of(peer)):
            for number in range(300):
                source = ("127.0.0.9", 0)
                connection = socket.create_connection(("127.0.0.1", port), 5, source)
                held.enter_context(connection)
                with suppress(OSError):  # it may have been let go already
                    connection.sendall(b"\x16\x03\x01\x02\x00"[: number % 6])
        late = machines.peer("late")
        late.ask("download", "x.bin", str(machines.directory / "copy"))
    assert sha256(machines.directory / "copy") == sha256(path)


def _exchange(port: int, said: bytes) -> bytes:
    """All that comes back until the connection is closed."""
    with socket.create_connection(("127.0.0.1", port), 15) as connection:
        answer = b""
        with suppress(ConnectionError):
            connection.sendall(said)
            while piece := connection.recv(1 << 16):
                answer += piece
        return answer


def _context(highest: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = highest
    return context


def _tls(port: int, highest: ssl.TLSVersion) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", port), 15)
    try:
        return _context(highest).wrap_socket(plain)
    except BaseException:
        plain.close()
        raise


def _said_without_certificate(port: int) -> bytes:
    """What a stranger hears that asks for the list of files."""
    with _tls(port, ssl.TLSVersion.TLSv1_3) as connection:
        answer = b""
        with suppress(OSError):
            connection.sendall(b'{"type":"REQUEST_FILE_LIST"}\n')
            while piece := connection.recv(1 << 16):
                answer += piece
        return answer
