"""A connection handed over: what came already is first, and an end is told."""

from __future__ import annotations

import socket

from pytest_twisted import ensureDeferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.task import deferLater

from p2pfs.secure import A_PEER, TlsDoor, channel_of
from p2pfs.secure.member_transport import MemberTransport
from p2pfs.wire import plain_socket, tcp_path
from tests.secure.certificates import Authority
from tests.secure.ends import Keeper, Keepers, Listening, reactor

MIB = 2**20


@ensureDeferred
async def test_what_came_with_the_welcome_is_not_lost(listening: Listening) -> None:
    """A listening side that speaks first is heard from its first byte."""
    authority = Authority()
    listening.begin(authority, authority.member("server"))
    listening.factory.first_words = b"hello"
    here = await listening.knock(authority, authority.member("client"))
    assert await here.gets(5) == b"hello"
    here.transport.abortConnection()
    await here.lost


@ensureDeferred
async def test_a_protocol_sees_the_certificates(listening: Listening) -> None:
    """Of the other side, its own first, up to the authority's."""
    authority = Authority()
    credentials = authority.member("server")
    listening.begin(authority, credentials)
    door = TlsDoor(reactor, authority.certificate, authority.member("x"), authority.check)
    here = await door.connect(listening.endpoint, Keepers(), A_PEER)
    transport = here.transport  # type: ignore[attr-defined]
    assert isinstance(transport, MemberTransport)
    assert transport.verified_chain() == (*credentials.chain, authority.certificate)
    transport.abortConnection()
    await here.lost  # type: ignore[attr-defined]


async def both(listening: Listening) -> tuple[Keeper, Keeper]:
    """Both ends of a connection behind doors."""
    authority = Authority()
    listening.begin(authority, authority.member("server"))
    here = await listening.knock(authority, authority.member("client"))
    return here, listening.factory.made[0]


@ensureDeferred
async def test_all_is_written_before_a_connection_is_closed(listening: Listening) -> None:
    """And the other side is told that it is the end, by both."""
    here, there = await both(listening)
    there.transport.writeSequence([b"x" * 8 * MIB, b"y" * 8 * MIB])
    there.transport.loseConnection()
    await here.lost
    assert here.got == b"x" * 8 * MIB + b"y" * 8 * MIB
    await there.lost
    assert here.reason is ConnectionDone
    assert there.reason is ConnectionDone


@ensureDeferred
async def test_a_cut_is_no_end(listening: Listening) -> None:
    """What ends without TLS saying so was ended by somebody else, or is broken."""
    here, there = await both(listening)
    there.transport.getHandle().shutdown(socket.SHUT_RDWR)
    await here.lost
    await there.lost
    assert here.reason is ConnectionLost


@ensureDeferred
async def test_an_abortion_writes_no_more(listening: Listening) -> None:
    """Not what waits, nor an end."""
    here, there = await both(listening)
    there.transport.write(b"x" * 64 * MIB)
    there.transport.abortConnection()
    there.transport.abortConnection()
    await there.lost
    await here.lost
    assert there.reason is ConnectionAborted
    assert here.reason is ConnectionLost
    assert len(here.got) < 64 * MIB


@ensureDeferred
async def test_a_pause_keeps_what_comes_for_later(listening: Listening) -> None:
    """Nothing is read in it, and then what somebody else has left of a record is read too."""
    here, there = await both(listening)
    here.transport.pauseProducing()
    there.transport.write(b"abcdef")
    await deferLater(reactor, 0.01)
    assert not here.got
    channel = channel_of(here.transport)
    assert channel is not None
    assert channel.read_into([memoryview(bytearray(2))]) == 2
    here.transport.resumeProducing()
    assert await here.gets(4) == b"cdef"
    here.transport.abortConnection()
    await here.lost
    assert channel_of(here.transport) is None


@ensureDeferred
async def test_it_is_a_tcp_connection_for_its_options(listening: Listening) -> None:
    """For those who set them; but no plain one, which could be written past TLS."""
    here, there = await both(listening)
    transport = here.transport
    assert ITCPTransport.providedBy(transport)
    for value in (True, False):
        transport.setTcpNoDelay(value)
        transport.setTcpKeepAlive(value)
        assert transport.getTcpNoDelay() is value
        assert transport.getTcpKeepAlive() is value
    assert tcp_path(transport) is not None
    assert plain_socket(transport) is None
    assert transport.getPeer() == there.transport.getHost()
    assert transport.getHost() == there.transport.getPeer()
    transport.abortConnection()
    await here.lost


@ensureDeferred
async def test_new_keys_while_nothing_can_be_written(listening: Listening) -> None:
    """They have to be answered before more is read; that goes on once there is room again."""
    here, there = await both(listening)
    there.transport.channel.wants_to_write = True
    there.transport._look_at_wishes()
    here.transport.write(b"abc")
    assert await there.gets(3) == b"abc"
    here.transport.abortConnection()
    await here.lost
