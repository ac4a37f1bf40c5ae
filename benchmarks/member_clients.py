"""The worker that is many members of a private swarm."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.serialization import Encoding

from benchmarks.problems import BenchmarkFailed
from benchmarks.processes import obey
from p2pfs.cli.joining import join
from p2pfs.commands import LOCAL_COMMANDS, Call
from p2pfs.daemon.descriptors import allow_many
from p2pfs.identity import KEY_FILE, PeerKey
from p2pfs.membership import Authority, Joined, Role
from p2pfs.wire import messages as m

AT_A_TIME = 8
"""Machines that join at the same time."""

_JOIN = next(each for each in LOCAL_COMMANDS["peer"] if each.name == "join")


class Members:
    """All of them, and what they are connected to."""

    def __init__(self) -> None:
        self._temporary = TemporaryDirectory(prefix="p2pfs-members-")
        self._directory = Path(self._temporary.name)
        self._connected: list[ssl.SSLSocket] = []
        self._held: list[ssl.SSLSocket] = []
        self._context: ssl.SSLContext | None = None

    def join(self, invitation: str, prefix: str, count: int) -> float:
        """Have machines join, as ``p2pfs join`` does it; how long that takes, in seconds."""
        began = time.perf_counter()
        with ThreadPoolExecutor(AT_A_TIME) as threads:
            list(threads.map(lambda at: self._join(invitation, f"{prefix}-{at}"), range(count)))
        return time.perf_counter() - began

    def connect(self, tracker: str, port: int, count: int) -> None:
        """Have members with certificates of the authority in that state directory register."""
        allow_many()
        authority = Authority.load(Path(tracker, "authority"), os.urandom)
        for number in range(count):
            key = PeerKey.from_seed(os.urandom(32))
            name = f"member-{number}"
            chain = (authority.issue(key.public, name, Role.READER, (), time.time()),)
            context = _context(self._directory, Joined((), authority.certificate, chain), key)
            host = f"127.1.{number >> 8 & 255}.{number & 255}"
            connection = _connection(context, port, host)
            _register(connection, key)
            self._connected.append(connection)

    def hold(self, invitation: str, name: str, ports: Sequence[int]) -> None:
        """Join as that member, and be connected to these."""
        state = self._join(invitation, name)
        joined = Joined.kept_in(state)
        assert joined is not None
        key = PeerKey.kept_in(state / KEY_FILE, os.urandom)
        self._context = _context(self._directory, joined, key)
        self._held = [_connection(self._context, port, "127.0.0.1") for port in ports]

    def is_out(self, ports: Sequence[int]) -> bool:
        """Whether all these connections have ended, and none of the ports lets it in again."""
        assert self._context is not None
        for connection in self._held:
            connection.settimeout(0.001)
            try:
                while connection.recv(1 << 16):
                    pass
            except TimeoutError:
                return False
            except OSError:
                pass
        for port in ports:
            try:
                _connection(self._context, port, "127.0.0.1").close()
            except (BenchmarkFailed, OSError):
                continue
            return False
        return True

    def _join(self, invitation: str, name: str) -> Path:
        state = self._directory / name
        state.mkdir()
        file = state / "invitation"
        file.write_text(invitation)
        join(state, Call(_JOIN, {"file": str(file)}, options={"name": name}))
        return state


def _context(directory: Path, joined: Joined, key: PeerKey) -> ssl.SSLContext:
    """What TLS needs; the library wants files."""
    file = directory / "credentials.pem"
    pem = b"".join(each.public_bytes(Encoding.PEM) for each in joined.chain)
    file.write_bytes(key.to_pem() + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=joined.authority.public_bytes(Encoding.DER))
    context.load_cert_chain(file)
    return context


def _connection(context: ssl.SSLContext, port: int, host: str) -> ssl.SSLSocket:
    """A connection that is let in; raises `BenchmarkFailed` or ``OSError``."""
    plain = socket.create_connection(("127.0.0.1", port), 10, (host, 0))
    connection = context.wrap_socket(plain)
    welcome = b""
    while not welcome.endswith(b"\n"):
        piece = connection.recv(1)
        welcome += piece
        if not piece or not welcome.startswith(b"+"):
            connection.close()
            raise BenchmarkFailed("A member was not let in.")
    return connection


def _register(connection: ssl.SSLSocket, key: PeerKey) -> None:
    address = ":6881"
    connection.sendall(m.encode(m.RequestRegister(address, key.public)))
    challenge = _answer(connection)
    assert isinstance(challenge, m.ReplyChallenge), challenge
    proof = key.prove(challenge.nonce, address)
    connection.sendall(m.encode(m.RequestRegister(address, key.public, proof)))
    while not isinstance(_answer(connection), m.ReplyRegister):
        pass


def _answer(connection: ssl.SSLSocket) -> m.Message:
    line = b""
    while not line.endswith(b"\n"):
        piece = connection.recv(1 << 16)
        if not piece:
            raise BenchmarkFailed("The tracker hung up.")
        line += piece
    return m.decode(line.splitlines()[-1])


if __name__ == "__main__":
    members = Members()
    obey(
        {
            "join": members.join,
            "connect": members.connect,
            "hold": members.hold,
            "is_out": members.is_out,
        }
    )
