"""Peer addresses: ``host:port``, with IPv6 in brackets."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from p2pfs.errors import InvalidAddress

_MAX_HOST = 253


class Address(NamedTuple):
    """Where a peer listens: an IP address or host name, and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """Read ``host:port`` or ``[IPv6]:port``; the host may be empty. Raises `InvalidAddress`."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if bracketed:
        host = host[1:-1]
    valid = (
        colon == ":"
        and (bracketed or ":" not in host)
        and len(host) <= _MAX_HOST
        and host.isascii()
        and not any(c.isspace() or not c.isprintable() or c in "[]/%" for c in host)
        and port.isascii()
        and port.isdigit()
        and 1 <= int(port[:6]) <= 65535
    )
    if not valid:
        shown = ascii(text if len(text) <= 80 else text[:77] + "...")
        raise InvalidAddress(f"{shown} is not an address; write host:port or [IPv6]:port.")
    return Address(plain_host(host), int(port))


def plain_host(host: str) -> str:
    """One spelling for one IP address: IPv4 mapped into IPv6 is IPv4; names in lower case."""
    try:
        address = ip_address(host)
    except ValueError:
        return host.lower()
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def is_wildcard(host: str) -> bool:
    """True for a host that stands for every interface: empty, ``0.0.0.0`` or ``::``."""
    try:
        return host == "" or ip_address(host).is_unspecified
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """True for a host that only this machine can reach."""
    try:
        return ip_address(plain_host(host)).is_loopback
    except ValueError:
        return host == "localhost"
