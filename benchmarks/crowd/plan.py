"""Who takes part in a crowd, and what is going to happen to them, told before it begins.

Rates are in bytes a second, times in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2pfs.testing.streams import SEGMENT, WINDOW


@dataclass(frozen=True)
class Crowd:
    """How many there are, what they want, and links that are alike in both directions."""

    peers: int
    """Downloaders, beside the source."""
    chunks: int
    chunk_size: int
    """Bytes, as they count on the network."""
    rate: float
    latency: float
    """From a host to the middle of the network."""
    scale: int = 1
    """Each byte of a chunk stands for so many (`Network`)."""
    segment: int = SEGMENT
    """Most bytes that pass a link in one turn."""

    @property
    def size(self) -> int:
        """All that everybody wants, in bytes as they count on the network."""
        return self.chunks * self.chunk_size

    @property
    def real_chunk_size(self) -> int:
        """Bytes of a chunk on the disk."""
        return self.chunk_size // self.scale

    @property
    def copy_time(self) -> float:
        """How long one copy takes over one of the links."""
        return self.size / self.rate


@dataclass(frozen=True)
class Guest:
    """One downloader."""

    up: float
    down: float
    begins: float = 0.0
    """When it asks for the file."""
    dies_at: float | None = None
    """The part of what it wants at which its process is killed."""
    stops_at: float | None = None
    """The part at which its user cancels the download, and leaves what came to be served."""
    measured: bool = True
    """Whether it is waited for, and its time counts."""
    site: int = 0


@dataclass(frozen=True)
class Plan:
    """A crowd in all detail."""

    crowd: Crowd
    guests: tuple[Guest, ...]
    source_up: float
    bound: float
    """The least time in which all who are measured can have everything."""
    bound_is: str
    """What this bound is, for people."""
    source_leaves_after: float | None = None
    """Copies that leave the source's link before its power fails."""
    files: int = 1
    """Among which the chunks are divided equally."""
    distances: tuple[tuple[float, ...], ...] = ((0.0,),)
    """Seconds between sites; source and tracker are at the first one."""
    window: int = WINDOW
    """Bytes of a connection that may be on their way."""
    without: Plan | None = None
    """The crowd to compare this one with."""
    without_what: str = ""
    """What the other crowd lacks."""

    @property
    def measured(self) -> int:
        """How many are waited for."""
        return sum(guest.measured for guest in self.guests)
