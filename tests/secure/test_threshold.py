"""The listening side's first line, as a connecting side reads it."""

from __future__ import annotations

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions, TLSVersion
from twisted.protocols.tls import TLSMemoryBIOFactory

from p2pfs.errors import HandshakeFailed
from p2pfs.secure.threshold import LONGEST_LINE, SORRY, WELCOME
from tests.secure.certificates import Authority
from tests.secure.ends import Listening


class Speaker(Protocol):
    """Says something over TLS, in pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces

    def connectionMade(self) -> None:
        for delay, piece in enumerate(self.pieces):
            reactor.callLater(delay / 100, self.transport.write, piece)


def listen(listening: Listening, authority: Authority, pieces: list[bytes]) -> None:
    """Listen by TLS, without a door, and say that to who comes."""
    options = CertificateOptions(raiseMinimumTo=TLSVersion.TLSv1_3)
    credentials = authority.member("server")
    context = options.getContext()
    context.use_certificate(credentials.chain[0])
    context.use_privatekey(credentials.key)
    speakers = Factory.forProtocol(lambda: Speaker(pieces))  # type: ignore[arg-type]
    listening.listen(TLSMemoryBIOFactory(options, False, speakers, reactor))


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ([SORRY + b"there is no room.\n"], "does not let this side in: there is no room."),
        ([SORRY + b"a \x1b[31mred\xff sentence\n"], r"a \\x1b|a \\u001b\[31mred"),
        ([b"HTTP/1.1 400 Bad Request\r\n"], "not a p2pfs"),
        ([b"x" * LONGEST_LINE], "not a p2pfs"),
        ([SORRY + b"x" * LONGEST_LINE], "not a p2pfs"),
    ],
)
@ensureDeferred
async def test_no_welcome(listening: Listening, pieces: list[bytes], reason: str) -> None:
    """What is said instead is shown as far as it is fit to be, and is not without end."""
    authority = Authority()
    listen(listening, authority, pieces)
    with pytest.raises(HandshakeFailed, match=reason):
        await listening.knock(authority, authority.member("client"))


@ensureDeferred
async def test_a_welcome_in_pieces(listening: Listening) -> None:
    """It is the same however it is cut, and what comes behind it is the protocol's."""
    authority = Authority()
    listen(listening, authority, [WELCOME[:1], WELCOME[1:] + b"abc", b"def"])
    here = await listening.knock(authority, authority.member("client"))
    assert await here.gets(6) == b"abcdef"
    here.transport.abortConnection()
    await here.lost
