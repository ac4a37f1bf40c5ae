"""What a peer says of itself when it joins a tracker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress

from p2pfs.addresses import Address, is_loopback, is_private, is_wildcard, plain_host
from p2pfs.identity import PeerKey
from p2pfs.wire.messages import RequestRegister


@dataclass(frozen=True)
class Introduction:
    """Where a peer listens, and who it is."""

    listening: Address
    key: PeerKey
    revocations: Callable[[], int | None] = lambda: None
    """The number of the newest list of revocations that it knows, if any."""

    @property
    def address(self) -> str:
        """The address to announce; a host is left to the tracker to see, where it can be."""
        host = self.listening.host
        hostless = is_wildcard(host) or is_loopback(host)
        return f":{self.listening.port}" if hostless else str(self.listening)

    def inner(self, own: IAddress) -> str | None:
        """Where those beside it can reach it, if it connects to the tracker from ``own``.

        None where nobody can, or where that is its address for everybody.
        """
        host = self.listening.host
        if is_wildcard(host) and isinstance(own, IPv4Address | IPv6Address):
            host = plain_host(own.host)
        return str(Address(host, self.listening.port)) if is_private(host) else None

    def prove(self, request: RequestRegister, nonce: bytes) -> RequestRegister:
        """The same request, with the answer to a tracker's challenge."""
        return msgspec.structs.replace(request, proof=self.key.prove(nonce, request.address))
