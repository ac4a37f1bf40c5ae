"""Lending real sockets to real threads."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.testing import StringTransport
from twisted.internet.threads import deferToThread

from p2pfs.peer.payloads import Lender
from p2pfs.peer.payloads.lender import MOST, WORTH_LENDING, SocketInlet, open_inlet
from p2pfs.peer.payloads.payload_reader import Inlet
from p2pfs.peer.rates import RateLimit
from p2pfs.testing.inline import InlineReactor
from tests.secure.certificates import Authority
from tests.secure.ends import Keeper, Listening


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a TCP connection; the first does not block."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    near.setblocking(False)
    yield near, far
    near.close()
    far.close()


Pair = tuple[socket.socket, socket.socket]


def test_an_inlet_receives_into_buffers_one_after_the_other(pair: Pair) -> None:
    """And says when there is nothing, and when there never will be."""
    near, far = pair
    inlet = SocketInlet(near)
    first, second = bytearray(4), bytearray(10)
    assert inlet.receive([memoryview(first)]) is None
    assert not inlet.wait(0.001)
    far.sendall(b"abcdefg")
    assert inlet.wait(10)
    assert inlet.receive([memoryview(first), memoryview(second)]) == 7
    assert (bytes(first), bytes(second[:3])) == (b"abcd", b"efg")
    far.close()
    assert inlet.wait(10)
    assert inlet.receive([memoryview(first)]) == 0
    inlet.close()


def test_a_broken_connection_is_an_end(pair: Pair) -> None:
    """What is wrong with it is for the reactor to find out, which reads on."""
    near, far = pair
    inlet = SocketInlet(near)
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    far.close()
    assert inlet.wait(10)
    assert inlet.receive([memoryview(bytearray(4))]) == 0
    inlet.close()


def test_a_closed_socket_is_not_given_to_somebody_else_while_it_is_read(pair: Pair) -> None:
    """The reactor may close it at any moment, and the next file opened has its number."""
    near, _ = pair
    number = near.fileno()
    inlet = SocketInlet(near)
    near.close()
    others = [os.open("/dev/null", os.O_RDONLY) for _ in range(3)]
    assert number not in others
    assert inlet.receive([memoryview(bytearray(4))]) is None
    inlet.close()
    others.append(os.open("/dev/null", os.O_RDONLY))
    assert others[-1] == number
    for fd in others:
        os.close(fd)


async def members(listening: Listening) -> tuple[Keeper, Keeper]:
    """Both ends of a connection of a private swarm."""
    authority = Authority()
    listening.begin(authority, authority.member("server"))
    here = await listening.knock(authority, authority.member("client"))
    return here, listening.factory.made[0]


@ensureDeferred
async def test_threads_read_at_both_ends_while_the_reactor_writes(listening: Listening) -> None:
    """With TLS, whose state both use: every byte comes, in order."""
    ends = await members(listening)
    said = [os.urandom(24 << 20), os.urandom(24 << 20)]

    def read(inlet: Inlet) -> bytes:
        got = bytearray()
        frame, lines = bytearray(100_000), bytearray(5_000)
        while len(got) < 24 << 20:
            count = inlet.receive([memoryview(frame), memoryview(lines)])
            assert count != 0
            if count is None:
                assert inlet.wait(10)
                continue
            got += frame[:count] + lines[: max(0, count - len(frame))]
        return bytes(got)

    inlets = []
    for end in ends:
        end.transport.pauseProducing()
        inlet = open_inlet(end.transport)
        assert inlet is not None
        inlets.append(inlet)
    reading = [deferToThread(read, inlet) for inlet in inlets]
    for end, data in zip(ends, said, strict=True):
        for start in range(0, len(data), 1 << 20):
            end.transport.write(data[start : start + (1 << 20)])
    assert await reading[0] == said[1]
    assert await reading[1] == said[0]
    for inlet in inlets:
        inlet.close()
    for end in ends:
        end.transport.resumeProducing()
    ends[0].transport.write(b"and on")
    assert await ends[1].gets(6) == b"and on"
    ends[0].transport.loseConnection()
    await ends[0].lost


@ensureDeferred
async def test_an_end_comes_to_who_reads_with_tls(listening: Listening) -> None:
    """To the thread as that of a stream, and to the reactor once that reads again."""
    here, there = await members(listening)
    here.transport.pauseProducing()
    inlet = open_inlet(here.transport)
    assert inlet is not None
    there.transport.loseConnection()
    await there.lost
    assert inlet.wait(10)
    assert inlet.receive([memoryview(bytearray(10))]) == 0
    assert inlet.wait(0)
    inlet.close()
    here.transport.resumeProducing()
    await here.lost


class Opened:
    """Stands for an open inlet that nobody reads from."""

    def receive(self, into: list[memoryview]) -> int | None:
        raise AssertionError

    wait = close = receive


def test_only_what_comes_fast_and_without_a_limit_is_lent() -> None:
    """The reactor reads the rest: it can wait for many, and for the time of a limit."""
    limit = RateLimit()
    lender = Lender(InlineReactor(), limit, open_inlet=lambda transport: Opened())  # type: ignore[arg-type, return-value]  # never used
    assert lender.inlet(object(), WORTH_LENDING) is not None
    assert lender.inlet(object(), WORTH_LENDING - 1) is None
    limit.rate = 1 << 30
    assert lender.inlet(object(), WORTH_LENDING) is None


def test_what_has_no_socket_is_read_by_the_reactor() -> None:
    """Simulated connections have other bytes than those on a line, or none."""
    assert Lender(InlineReactor(), RateLimit()).inlet(StringTransport(), 1 << 20) is None


def test_few_threads_do_for_any_number_of_connections() -> None:
    """The thread pool is needed for disks, too."""
    assert MOST <= 4
