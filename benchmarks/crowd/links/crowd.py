"""Who wants what over which links, in bytes, bytes a second, and seconds."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.crowd.bounds import equal_links, unequal_links

SLOWER = 4
"""How many times slower the slow tenth is."""
FASTER = 10
"""How many times quicker a fast source sends."""
LONGEST = 10.0
"""Give up after so many times what is possible."""
LEAST_LIMIT = 30.0


@dataclass(frozen=True)
class Crowd:
    """One source, and ``peers`` downloaders that all begin at once."""

    peers: int
    chunks: int
    chunk_size: int
    rate: float
    """Of every link, in each direction, but for the exceptions below."""
    slow_tenth: bool = False
    """A tenth of the downloaders, one at least, have links that are `SLOWER`, both ways."""
    fast_source: bool = False
    """The source sends `FASTER`."""

    @property
    def has_equal_links(self) -> bool:
        """Whether there are no exceptions."""
        return not (self.slow_tenth or self.fast_source)

    @property
    def size(self) -> int:
        """The file's size."""
        return self.chunks * self.chunk_size

    @property
    def source_up(self) -> float:
        """What the source can send."""
        return self.rate * (FASTER if self.fast_source else 1)

    @property
    def peer_rates(self) -> list[float]:
        """What each downloader can send, and can receive."""
        slow = max(1, round(self.peers / 10)) if self.slow_tenth else 0
        return [self.rate] * (self.peers - slow) + [self.rate / SLOWER] * slow

    @property
    def bound(self) -> float:
        """The least time in which all can have it, if packets had no headers."""
        if self.has_equal_links:
            return equal_links(self.size, self.chunks, self.peers, self.rate)
        rates = self.peer_rates
        return unequal_links(self.size, self.source_up, rates, rates)

    @property
    def limit(self) -> float:
        """When a run that is not through is given up."""
        return max(LEAST_LIMIT, LONGEST * self.bound)

    def __str__(self) -> str:
        exceptions = [f"the source {FASTER} times quicker"] * self.fast_source
        exceptions += [f"a tenth of the peers {SLOWER} times slower"] * self.slow_tenth
        links = ", ".join([f"{self.rate * 8 / 1e6:g} Mbit/s each way", *exceptions])
        return f"{self.peers} peers, {self.chunks} chunks of {self.chunk_size >> 10} KiB, {links}"
