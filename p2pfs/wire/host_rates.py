"""How many messages a second each host may have handled. Pure: told the time."""

from __future__ import annotations


class HostRates:
    """A rate that each host has, with a reserve for bursts; some of it can be earned back.

    It is a virtual clock for each host, as `p2pfs.peer.rates.rate_limit` has one for bytes. What
    is remembered of a host is forgotten once its reserve is full again.
    """

    def __init__(self, rate: float, burst: float) -> None:
        """``rate`` messages a second, and ``burst`` at once."""
        self._each = 1 / rate
        self._reserve = burst / rate
        # When each host has made up for what it was handled.
        self._even_at: dict[str, float] = {}

    def __len__(self) -> int:
        """How many hosts are remembered."""
        return len(self._even_at)

    def may(self, host: str, now: float) -> bool:
        """Whether a message of a host may be handled now."""
        return self._even_at.get(host, now) - now < self._reserve

    def spend(self, host: str, now: float) -> None:
        """Note that one was."""
        even_at = self._even_at.get(host)
        if even_at is None:
            self._forget_two(now)
        self._even_at[host] = max(even_at or now, now) + self._each

    def earn(self, host: str, count: int) -> None:
        """Have that many messages of a host not count."""
        if host in self._even_at:
            self._even_at[host] -= count * self._each

    def _forget_two(self, now: float) -> None:
        """Look at the two hosts looked at longest ago: for each that comes, two may go."""
        for host in [host for host, _ in zip(self._even_at, range(2), strict=False)]:
            even_at = self._even_at.pop(host)
            if even_at > now:
                self._even_at[host] = even_at
