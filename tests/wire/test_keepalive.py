"""A host that vanished is noticed."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from twisted.internet.interfaces import ITCPTransport
from zope.interface import implementer

from p2pfs.wire.keepalive import KeepAlive


@implementer(ITCPTransport)
class _Transport:
    """Twisted's transport over a socket, as far as it is asked here."""

    def __init__(self, handle: socket.socket) -> None:
        self._handle = handle

    def getHandle(self) -> socket.socket:
        return self._handle

    def setTcpKeepAlive(self, on: bool) -> None:
        self._handle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, on)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the system has it not")
@pytest.mark.parametrize("keep_alive", [KeepAlive(), KeepAlive(1, 2, 3)])
def test_the_system_is_told_when_to_give_up(keep_alive: KeepAlive) -> None:
    """Whether this side is idle then, or waits for what it sent to be acknowledged."""
    with socket.socket() as handle:
        transport: Any = _Transport(handle)
        keep_alive.apply(transport)
        assert handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        idle, interval, probes, timeout = (
            handle.getsockopt(socket.IPPROTO_TCP, getattr(socket, f"TCP_{name}"))
            for name in ("KEEPIDLE", "KEEPINTVL", "KEEPCNT", "USER_TIMEOUT")
        )
    assert (idle, interval, probes) == (
        keep_alive.idle,
        keep_alive.interval,
        keep_alive.probes,
    )
    assert idle + interval * probes == keep_alive.patience == timeout / 1000


def test_by_default_a_vanished_host_is_noticed_within_50_seconds() -> None:
    """As the documentation has it."""
    assert KeepAlive().patience == 50


def test_what_is_not_tcp_is_left_alone() -> None:
    """The control socket, a transport in memory, and a connection that is gone."""
    elsewhere: Any = object()
    KeepAlive().apply(elsewhere)
    KeepAlive().apply(None)
