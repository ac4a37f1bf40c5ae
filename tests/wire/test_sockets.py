"""Options of a TCP socket, and what the system knows of its path, through Twisted's transports."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from p2pfs.wire.sockets import set_tcp_options, tcp_path


def over(handle: socket.socket) -> Any:
    """A transport over a socket, as far as it is asked here."""
    return SimpleNamespace(getHandle=lambda: handle)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a TCP connection on this machine."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()) as one,
        listening.accept()[0] as other,
    ):
        yield one, other


def test_options_are_set_by_their_names(ends: tuple[socket.socket, socket.socket]) -> None:
    """One that a system does not have keeps none of the others from being set."""
    handle = ends[0]
    set_tcp_options(over(handle), {"TCP_OF_ANOTHER_SYSTEM": 7, "TCP_NODELAY": 1})
    assert handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_wrapper_is_looked_through(ends: tuple[socket.socket, socket.socket]) -> None:
    """TLS has the transport with the socket beneath its own; what it has for a handle is none."""
    handle = ends[0]
    tls: Any = SimpleNamespace(transport=over(handle), getHandle=lambda: object())
    set_tcp_options(tls, {"TCP_NODELAY": 1})
    assert handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell")
def test_the_path_on_this_machine_is_short(ends: tuple[socket.socket, socket.socket]) -> None:
    """Its packets are known, and that they take no time: in seconds, not in microseconds."""
    one, other = ends
    one.sendall(b"x" * 1000)
    other.recv(1000)
    known = tcp_path(over(one))
    assert known is not None
    assert known.segment > 500
    assert 0 <= known.round_trip < 1


def test_no_tcp_no_path() -> None:
    """A UNIX socket has no such options, and what is in memory has no socket."""
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        assert tcp_path(over(one)) is None
        set_tcp_options(over(one), {"TCP_NODELAY": 1})
    assert tcp_path(None) is None
    set_tcp_options(None, {"TCP_NODELAY": 1})


def test_a_socket_that_knows_less_does_no_harm() -> None:
    """A closed one knows nothing at all; neither do some systems know of these options."""
    closed = socket.socket()
    closed.close()
    transport: Any = SimpleNamespace(getHandle=lambda: closed)
    assert tcp_path(transport) is None
    set_tcp_options(transport, {"TCP_NODELAY": 1})
