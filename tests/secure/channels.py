"""Both ends of TLS over a connection of this machine, without a reactor."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from p2pfs.secure.channel import Channel
from p2pfs.secure.contexts import ConnectionMaker
from tests.secure.certificates import Authority


@dataclass
class End:
    """One side: its socket, the channel over it, and the secrets of TLS by their names."""

    socket: socket.socket
    channel: Channel
    secrets: dict[str, bytes]

    @property
    def is_waiting(self) -> bool:
        """Whether the system has something for this side that was not taken from it."""
        try:
            return bool(self.socket.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return False


@contextmanager
def two_ends(buffers: int | None = None) -> Iterator[tuple[End, End]]:
    """Client and server, which have shaken hands; ``buffers`` are the bytes that sockets keep."""
    authority = Authority()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        if buffers is not None:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffers)
        client = socket.create_connection(listening.getsockname())
        server = listening.accept()[0]
    with client, server:
        ends = []
        for handle, is_client in ((client, True), (server, False)):
            handle.setblocking(False)
            handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if buffers is not None:
                handle.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffers)
            credentials = authority.member("client" if is_client else "server")
            maker = ConnectionMaker(authority.certificate, credentials, False)
            secrets: dict[str, bytes] = {}
            maker._context.set_keylog_callback(partial(_keep, secrets))
            ends.append(End(handle, Channel(maker.make(handle, is_client), handle), secrets))
        shaking = list(ends)
        while shaking:
            shaking = [end for end in shaking if not end.channel.shake_hands()]
        yield ends[0], ends[1]


def _keep(secrets: dict[str, bytes], connection: object, line: bytes) -> None:
    name, _, secret = line.decode().split()
    secrets[name] = bytes.fromhex(secret)
