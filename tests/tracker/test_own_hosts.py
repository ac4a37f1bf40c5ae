"""By which addresses a machine is known to others."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from p2pfs.tracker import own_hosts as module
from p2pfs.tracker.own_hosts import own_hosts


def test_they_are_addresses_that_others_can_use() -> None:
    """Of this machine, whatever it has; each of them once."""
    found = own_hosts()
    assert len(set(found)) == len(found)
    for host in found:
        address = ip_address(host)
        odd = [address.is_loopback, address.is_unspecified, address.is_link_local]
        assert odd == [False] * 3


def test_a_machine_without_a_way_out_has_its_interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a network of its own; this one's are those that the system has."""

    def nothing() -> Iterator[str]:
        yield from ()

    monkeypatch.setattr(module, "_outward", nothing)
    for host in own_hosts():
        assert not ip_address(host).is_loopback
    monkeypatch.undo()
    everywhere = set(module._of_interfaces())
    assert "127.0.0.1" in everywhere
