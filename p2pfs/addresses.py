"""Peer addresses: ``host:port``, with IPv6 in brackets."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple

from p2pfs.errors import InvalidAddress

_MAX_HOST = 253
_HOST = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
_PORT = re.compile(r"0|[1-9][0-9]{0,4}", re.ASCII)
_PEER = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_PRIVATE = [
    ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
]


class Address(NamedTuple):
    """Where a peer listens: an IP address or host name, and a TCP port.

    With ``peer``, the address is one that others may have too, and nobody gets to this peer
    there: a tracker calls it by its full name, ``host:port#peer``.
    """

    host: str
    port: int
    peer: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}{'#' if self.peer else ''}{self.peer}"

    @property
    def endpoint(self) -> str:
        """How Twisted's client endpoints have it."""
        host = self.host.replace(":", "\\:")
        return f"tcp:{host}:{self.port}"


def parse_address(text: str) -> Address:
    """Read ``host:port`` or ``[IPv6]:port``; the host may be empty. Raises `InvalidAddress`."""
    host, _, port_text = text.rpartition(":")
    port = parse_port(port_text)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        valid = _is_ipv6(host)
    else:
        valid = host == "" or (len(host) <= _MAX_HOST and _HOST.fullmatch(host) is not None)
    if not valid or not port or ":" not in text:
        shown = ascii(text if len(text) <= 80 else text[:77] + "...")
        raise InvalidAddress(f"{shown} is not an address; write host:port or [IPv6]:port.")
    return Address(plain_host(host), port)


def parse_full_name(text: str) -> Address:
    """Read an address, with or without a ``#peer`` behind it. Raises `InvalidAddress`."""
    where, mark, peer = text.partition("#")
    if mark and _PEER.fullmatch(peer) is None:
        raise InvalidAddress(f"What follows the # in {text[:80]!a} is not a peer's name.")
    return parse_address(where)._replace(peer=peer)


def parse_port(text: str) -> int | None:
    """A TCP port in decimal digits without leading zeros, or None when it is not one; 0 is."""
    if _PORT.fullmatch(text) is None or int(text) > 65535:
        return None
    return int(text)


def _is_ipv6(text: str) -> bool:
    try:
        return isinstance(ip_address(text), IPv6Address) and "%" not in text
    except ValueError:
        return False


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


def is_private(host: str) -> bool:
    """True for an IP address that means something only within a network."""
    try:
        address = ip_address(plain_host(host))
    except ValueError:
        return False
    return any(address in network for network in _PRIVATE)


def host_of(address: object) -> str:
    """Whom a connection counts for: an IPv4 address, an IPv6 network, or '' for this machine.

    ``address`` is an `Address`, or what Twisted says of a transport's other end. Whoever has
    one IPv6 address commonly has all 2^64 of its network.
    """
    host = getattr(address, "host", None)
    if not isinstance(host, str):
        return ""
    host = plain_host(host)
    try:
        is_ipv6 = isinstance(ip_address(host), IPv6Address)
    except ValueError:
        return host
    return str(ip_network(f"{host.partition('%')[0]}/64", strict=False)) if is_ipv6 else host
