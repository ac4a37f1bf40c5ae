"""What the record of each peer's holdings costs, and whether it may cost more."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from p2pfs.chunks import FileInfo
from p2pfs.membership import Signature
from p2pfs.tracker.quotas import OverQuota, Quotas

HOLDING_BYTES = 2048
"""What a holding takes beside name and bitfields: tables, and the file's own record, rounded up."""

SIGNATURE_BYTES = 512
"""What a signature takes beside its bytes, rounded up."""

_BITFIELDS = 3
"""The holder's own, that of a whole copy, and that of all partial ones together."""


class _Account:
    """What a peer, or a host with some peers, is charged for."""

    __slots__ = ("bytes", "names", "peers")

    def __init__(self) -> None:
        self.names = 0
        self.bytes = 0
        self.peers = 0

    def charge(self, names: int, cost: int) -> None:
        """Add that many names and bytes, or take them off."""
        self.names += names
        self.bytes += cost


class Accounts:
    """Reckons up names and bytes, each peer's, each host's and all; refuses what is too much.

    What several peers hold is charged to each: any of them can be the last.
    """

    def __init__(self, quotas: Quotas) -> None:
        self._quotas = quotas
        self._peers: dict[str, tuple[_Account, str]] = {}
        self._hosts: dict[str, _Account] = {}
        self.total = 0
        """The bytes that all peers are charged for."""

    def open(self, peer: str, host: str) -> None:
        """A peer on that host, which holds nothing yet; nothing changes for one that is known."""
        if peer not in self._peers:
            self._peers[peer] = _Account(), host
            self._hosts.setdefault(host, _Account()).peers += 1

    def close(self, peer: str) -> None:
        """A peer that holds nothing any more."""
        account, host = self._peers.pop(peer, (None, ""))
        if account is None:
            return
        self.total -= account.bytes
        of_host = self._hosts[host]
        of_host.charge(-account.names, -account.bytes)
        of_host.peers -= 1
        if not of_host.peers:
            del self._hosts[host]

    def host_of(self, peer: str) -> str:
        """The host of a peer that is known."""
        return self._peers[peer][1]

    def add(
        self, peer: str, name: str, info: FileInfo, signature: Signature | None, listed: int
    ) -> None:
        """Charge a peer for one more file; raises `OverQuota`, and then charges nothing.

        ``listed`` is how many files there are. As long as the whole has room, what a host's
        peers hold together is not bounded: many honest ones may be behind one address.
        """
        quotas, cost = self._quotas, _cost(name, info) + _cost_of(signature)
        roomy = 2 * listed < quotas.names and 2 * (self.total + cost) <= quotas.memory
        account, host = self._peers[peer]
        of_host = self._hosts[host]
        if account.names >= quotas.names_per_peer:
            raise OverQuota(
                f"You hold {account.names} files, which is all that a peer may at this "
                "tracker; unpublish some first."
            )
        if account.bytes + cost > quotas.memory_per_peer:
            raise OverQuota(
                "What you hold takes up all the memory that a peer may at this tracker; "
                "unpublish something first."
            )
        if not roomy and of_host.names >= quotas.names_per_host:
            raise OverQuota(
                f"The peers of your host hold {of_host.names} files, which is all that a host may "
                "at this tracker while it is more than half full; unpublish some first."
            )
        if not roomy and of_host.bytes + cost > quotas.memory_per_host:
            raise OverQuota(
                "What the peers of your host hold takes up all the memory that a host may at this "
                "tracker while it is more than half full; unpublish something first."
            )
        if self.total + cost > quotas.memory:
            raise OverQuota("This tracker's memory is full; try again later, or use another.")
        self._charge(account, of_host, 1, cost)

    def remove(self, peer: str, name: str, info: FileInfo, signature: Signature | None) -> None:
        """Undo an `add`."""
        account, host = self._peers[peer]
        cost = _cost(name, info) + _cost_of(signature)
        self._charge(account, self._hosts[host], -1, -cost)

    def signed_anew(
        self, peers: Iterable[str], before: Signature | None, now: Signature | None
    ) -> None:
        """These peers hold a file whose signature is another from now on."""
        cost = _cost_of(now) - _cost_of(before)
        for peer in peers:
            account, host = self._peers[peer]
            self._charge(account, self._hosts[host], 0, cost)

    def _charge(self, account: _Account, of_host: _Account, names: int, cost: int) -> None:
        account.charge(names, cost)
        of_host.charge(names, cost)
        self.total += cost


def _cost(name: str, info: FileInfo) -> int:
    return HOLDING_BYTES + sys.getsizeof(name) + _BITFIELDS * (info.totalchunknum // 8)


def _cost_of(signature: Signature | None) -> int:
    return 0 if signature is None else SIGNATURE_BYTES + signature.size
