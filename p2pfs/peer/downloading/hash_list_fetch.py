"""The hash list of a download: asked of a few sources beside each other, before any chunk."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.python.failure import Failure

from p2pfs.chunks import HashList
from p2pfs.errors import Refused
from p2pfs.hashing import DIGEST_SIZE
from p2pfs.peer.downloading.context import DownloadContext
from p2pfs.peer.downloading.explanation import AskedFacts
from p2pfs.peer.downloading.source_set import SourceSet
from p2pfs.peer.library import Checkpointer, Holding
from p2pfs.peer.policy import Rank, Trial
from p2pfs.peer.sources import Source, SourceConnection

DOUBLING = 0.25
"""Seconds after which it is asked of a second source, and each time of twice as many: they are
tried beside each other, and most often the first one has given it by then."""

AT_ONCE = 1 << 20
"""Bytes of lists that may be on their way at a time, not counting sources that bring nothing."""


@dataclass(frozen=True)
class _Asked:
    source: Source
    trial: Trial
    at: float
    asking: Deferred[HashList]


class HashListFetch:
    """Gets the hash list that belongs to a holding's root, if it is not there yet.

    The first one that is right counts; what the others send later goes nowhere.
    """

    def __init__(
        self,
        context: DownloadContext,
        source_set: SourceSet,
        holding: Holding,
        checkpointer: Checkpointer | None,
    ) -> None:
        """``checkpointer`` puts it on record, if the download is to go on after a crash."""
        self._context = context
        self._source_set = source_set
        self._holding = holding
        self._checkpointer = checkpointer
        info = holding.info
        self.needed = (
            info.root is not None and info.totalchunknum > 1 and holding.hashes.root != info.root
        )
        self._size = DIGEST_SIZE * info.totalchunknum
        self._begun = 0.0
        self._number = 0
        self._open: dict[SourceConnection, _Asked] = {}
        self.came_at: float | None = None
        """When it came, by the reactor's clock."""

    @property
    def recording(self) -> bool:
        """True while it is here, and not on record yet."""
        return self.needed and self.came_at is not None

    def ask(self) -> Deferred[None] | None:
        """Ask one more source if it is time to; None when it is not, or there is none to ask.

        The Deferred fails with what is nobody's fault.
        """
        now = self._context.reactor.seconds()
        able = self._able(now)
        if self.recording or not able or len(self._open) >= self._wanted(now):
            return None
        open_at = [asked.source for asked in self._open.values()]
        hosts = Counter(source.host for source in open_at)
        # Others' word has its turns, as for places.
        words = Counter(source.vouched_for for source in open_at)

        def precedence(source: Source) -> tuple[Rank, int, int, bool]:
            word = source.vouched_for
            return self._source_set.trials.rank(source), hosts[source.host], words[word], not word

        source = min(able, key=precedence)
        connection = source.connection
        assert connection is not None
        if not self._open:
            self._begun = now
        source.trial.asked(self._size, now, connection.brought)
        asking = connection.fetch_hash_list(self._holding.name, self._holding.info)
        self._open[connection] = _Asked(source, source.trial, now, asking)
        return asking.addCallbacks(
            self._came, self._failed, (source, connection), {}, (source, connection)
        )

    def asked(self, now: float) -> AskedFacts | None:
        """Of whom it is asked just now; of several, the one that was asked first."""
        for asked in self._open.values():
            return AskedFacts(str(asked.source.address), now - asked.at)
        return None

    def _able(self, now: float) -> list[Source]:
        able = [
            source
            for source in self._source_set.connected
            if now >= source.no_hash_list_until and source.connection not in self._open
        ]
        self._context.random.shuffle(able)
        return able

    def _wanted(self, now: float) -> int:
        """Of how many it should be asked at a time."""
        if not self._open:
            return 1
        idle = sum(
            self._source_set.trials.in_vain(asked.source, now) for asked in self._open.values()
        )
        most = idle + max(2, AT_ONCE // self._size)
        return min(most, 1 << min(16, int((now - self._begun) / DOUBLING)))

    def _came(
        self, hashes: HashList, _source: Source, connection: SourceConnection
    ) -> Deferred[None]:
        self.came_at = now = self._context.reactor.seconds()
        self._open.pop(connection).trial.came(self._size, now, connection.brought)
        self._holding.hash_list_known(hashes)
        for asked in list(self._open.values()):
            asked.asking.cancel()
        recorded = self._checkpointer.hash_list_known() if self._checkpointer else succeed(None)
        return recorded.addCallback(self._recorded)

    def _recorded(self, _: None) -> None:
        self.needed = False

    def _failed(self, failure: Failure, source: Source, connection: SourceConnection) -> None:
        trial, now = self._open.pop(connection).trial, self._context.reactor.seconds()
        if failure.check(CancelledError) and self.recording:
            return trial.came(self._size, now, connection.brought)  # another one was first
        trial.refused(self._size, now, connection.brought)
        if failure.check(Refused):
            source.deny_hash_list(str(failure.value), now)
        else:
            self._source_set.connector.blame(failure, source, connection)
