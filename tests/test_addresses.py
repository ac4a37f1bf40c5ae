"""Addresses of peers."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from p2pfs.addresses import Address, host_of, is_loopback, is_wildcard, parse_address, plain_host
from p2pfs.errors import InvalidAddress


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("192.0.2.1:6881", "192.0.2.1", 6881),
        ("peer.example:1", "peer.example", 1),
        ("PEER.Example:65535", "peer.example", 65535),
        (":6881", "", 6881),
        ("[2001:db8::1]:6881", "2001:db8::1", 6881),
        ("[2001:DB8:0:0::0:1]:6881", "2001:db8::1", 6881),
        ("[::]:6881", "::", 6881),
        ("[::ffff:192.0.2.1]:6881", "192.0.2.1", 6881),
    ],
)
def test_an_address_is_read_into_one_spelling(text: str, host: str, port: int) -> None:
    """Two spellings of one address must not become two holders."""
    assert parse_address(text) == Address(host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "192.0.2.1",
        "6881",
        "host:",
        "host:0",
        "host:65536",
        "host:-1",
        "host:+1",
        "host: 1",
        "host:1 ",
        "host:0x10",
        "host:\u0661",
        "host:99999999999999999999",
        "::1:6881",
        "2001:db8::1:6881",
        "[2001:db8::1]",
        "[::1:6881",
        "::1]:6881",
        "a b:1",
        "a\tb:1",
        "a/b:1",
        "a\x1b:1",
        "h\u00e9:1",
        "[fe80::1%eth0]:1",
        "h" * 254 + ":1",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """Nothing but host and port gets through to those who would connect to it."""
    with pytest.raises(InvalidAddress, match="is not an address"):
        parse_address(text)


@pytest.mark.parametrize("port", ["0123456", "0655359", "065535" + "0" * 5000])
def test_a_port_with_leading_zeros_stays_in_range(port: str) -> None:
    """A long port is refused, neither taken as a number over 65535 nor a crash."""
    with pytest.raises(InvalidAddress):
        parse_address(f"host:{port}")


@pytest.mark.parametrize("text", ["[:::]:1", "[host]:1", "[1:2]:3", "[192.0.2.1]:1"])
def test_brackets_hold_an_ipv6_address(text: str) -> None:
    """Brackets around anything else are a mistake to be told."""
    with pytest.raises(InvalidAddress):
        parse_address(text)


@pytest.mark.parametrize("host", ['a"b', "a\\b", "a;b", "a<b>", "a@b", "a'b"])
def test_a_host_name_has_letters_digits_dots_and_hyphens(host: str) -> None:
    """No shell, JSON or endpoint syntax travels in a host name."""
    with pytest.raises(InvalidAddress):
        parse_address(f"{host}:1")


def test_the_error_is_short_and_printable() -> None:
    """What a stranger sent cannot flood or recolour a console through the error."""
    with pytest.raises(InvalidAddress) as caught:
        parse_address("\x1b[31m" * 100_000)
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


@given(st.ip_addresses(), st.integers(1, 65535))
def test_an_address_written_is_read_back(ip: object, port: int) -> None:
    """Every IP address and port survives being written and read."""
    address = Address(plain_host(str(ip)), port)
    assert parse_address(str(address)) == address
    assert str(address).startswith("[") == (":" in address.host)


def test_mapped_ipv4_is_ipv4() -> None:
    """A dual-stack socket sees IPv4 peers in IPv6 clothes; they are the same peers."""
    assert plain_host("::FFFF:c000:201") == "192.0.2.1"
    assert plain_host(str(ipaddress.IPv6Address(1))) == "::1"


def test_wildcards_and_loopback_are_recognised() -> None:
    """These hosts are never handed to another machine."""
    assert all(map(is_wildcard, ["", "0.0.0.0", "::", "0:0::0"]))
    assert not any(map(is_wildcard, ["0.0.0.1", "::1", "host"]))
    loopbacks = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost"]
    assert all(map(is_loopback, loopbacks))
    assert not any(map(is_loopback, ["", "192.0.2.1", "::", "localhost.example"]))


@pytest.mark.parametrize(
    ("address", "host"),
    [
        (IPv4Address("TCP", "192.0.2.1", 5), "192.0.2.1"),
        (IPv6Address("TCP", "::ffff:192.0.2.1", 5), "192.0.2.1"),
        (IPv6Address("TCP", "2001:db8::1", 5), "2001:db8::/64"),
        (IPv6Address("TCP", "2001:db8::2:1", 5), "2001:db8::/64"),
        (IPv6Address("TCP", "fe80::1%eth0", 5), "fe80::/64"),
        (UNIXAddress(None), ""),
        (None, ""),
    ],
)
def test_an_ipv6_network_is_one_host(address: object, host: str) -> None:
    """Who has one of its addresses has them all, and gets no more room for it."""
    assert host_of(address) == host
