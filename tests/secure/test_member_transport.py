"""A connection handed over: what came already is first, and an end is told."""

from __future__ import annotations

from pytest_twisted import ensureDeferred

from p2pfs.secure import A_PEER, TlsDoor
from p2pfs.secure.member_transport import MemberTransport
from tests.secure.certificates import Authority
from tests.secure.ends import Keepers, Listening, reactor


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
    assert transport.chain == (*credentials.chain, authority.certificate)
    transport.abortConnection()
    await here.lost  # type: ignore[attr-defined]
