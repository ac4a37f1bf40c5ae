"""By which addresses others can reach this machine, where a tracker listens at all of them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from fcntl import ioctl
from ipaddress import ip_address
from struct import pack

_NOWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses that are nobody's (RFC 5737, RFC 3849), and to which nothing is sent."""

_SIOCGIFADDR = 0x8915
"""Linux's question for the IPv4 address of an interface."""


def own_hosts() -> list[str]:
    """IP addresses of this machine, none of them loopback or link-local.

    They are those by which it goes out into the world, or where it has no way there, the IPv4
    addresses of all its interfaces.
    """
    return _usable(_outward()) or _usable(_of_interfaces())


def _usable(hosts: Iterator[str]) -> list[str]:
    found = dict.fromkeys(hosts)
    return [
        host
        for host in found
        if not (ip_address(host).is_loopback or ip_address(host).is_link_local)
    ]


def _outward() -> Iterator[str]:
    for family, nowhere in _NOWHERE:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as asking:
                asking.connect((nowhere, 9))
                yield asking.getsockname()[0]
        except OSError:
            continue  # no such protocol, or no way


def _of_interfaces() -> Iterator[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _, name in socket.if_nameindex():
            try:
                answer = ioctl(asking, _SIOCGIFADDR, pack("256s", name.encode()))
            except OSError:
                continue  # it has none
            # Behind the interface's name: family, port, address.
            yield socket.inet_ntoa(answer[20:24])
