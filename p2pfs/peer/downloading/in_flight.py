"""What was asked of whom, and what became of it: for each chunk only while it is missing."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.defer import Deferred

from p2pfs.peer.policy import Burden, Trial
from p2pfs.peer.sources import Source, SourceConnection


@dataclass
class Asked:
    """A chunk in flight; ``received`` is what its connection had brought when it was asked for."""

    source: Source
    connection: SourceConnection
    trial: Trial
    at: float
    length: int
    received: int
    request: Deferred[bytes | None]
    """Fires when its bytes are here."""
    arrived: bool = False
    """True once all its bytes are here, and only this side's disk is to be waited for."""


@dataclass(frozen=True)
class Trouble:
    """The last failure of a chunk, and the number of attempts so far."""

    error: str
    at: float
    attempts: int


class InFlight:
    """The chunks in flight, and the troubles of those that are missing. Times are in seconds."""

    def __init__(self) -> None:
        self.chunks: dict[int, Asked] = {}
        self.troubles: dict[int, Trouble] = {}

    def asked(
        self,
        chunknum: int,
        source: Source,
        connection: SourceConnection,
        length: int,
        request: Deferred[bytes | None],
        now: float,
        since: float | None = None,
    ) -> None:
        """A chunk of that many bytes is asked for, or was ``since`` then."""
        trial, brought = source.trial, connection.brought
        trial.asked(length, now, brought)
        self.chunks[chunknum] = Asked(
            source, connection, trial, now if since is None else since, length, brought, request
        )

    def arrived(self, chunknum: int) -> None:
        """All its bytes are here."""
        self.chunks[chunknum].arrived = True

    def kept(self, chunknum: int, now: float) -> Asked:
        """It is here and right: nothing more needs to be known of it."""
        self.troubles.pop(chunknum, None)
        asked = self.chunks.pop(chunknum)
        asked.trial.came(asked.length, now, asked.connection.brought)
        return asked

    def failed(self, chunknum: int, error: str, now: float) -> None:
        """It did not come."""
        asked = self.chunks.pop(chunknum)
        asked.trial.refused(asked.length, now, asked.connection.brought)
        before = self.troubles.get(chunknum)
        self.troubles[chunknum] = Trouble(error, now, 1 + (before.attempts if before else 0))

    @property
    def ours_to_finish(self) -> bool:
        """True while something waits for this side: for its disk, or for it to read on.

        What there is to be read of a source that denies its chunks may be more denials.
        """
        return any(
            asked.arrived or (asked.connection.input_held and not asked.source.denied)
            for asked in self.chunks.values()
        )

    def burdens(self, now: float) -> list[tuple[Burden[Source], SourceConnection]]:
        """What is in flight on each connection that serves this download alone just now."""
        by_connection: dict[SourceConnection, list[int]] = {}
        for chunknum, asked in self.chunks.items():
            if not asked.arrived:
                by_connection.setdefault(asked.connection, []).append(chunknum)
        return [
            (self._burden(chunknums, now), connection)
            for connection, chunknums in by_connection.items()
            if connection.open_requests == len(chunknums)
        ]

    def _burden(self, chunknums: list[int], now: float) -> Burden[Source]:
        # Chunks are asked for, and so noted here, one after the other.
        first = self.chunks[chunknums[0]]
        source = first.source
        return Burden(
            source,
            tuple(chunknums),
            now - max(first.at, source.last_delivery),
            first.connection.brought - max(first.received, source.brought_then),
            sum(self.chunks[chunknum].length for chunknum in chunknums),
        )
