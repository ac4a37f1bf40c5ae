"""The hash list of a download: asked of one source at a time, before any chunk."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from p2pfs.chunks import HashList
from p2pfs.errors import Refused
from p2pfs.peer.explanation import AskedFacts
from p2pfs.peer.library import Holding
from p2pfs.peer.recorder import DownloadRecorder
from p2pfs.peer.source import SourceConnection
from p2pfs.peer.sources import Source
from p2pfs.peer.sourcing import Sourcing
from p2pfs.peer.surroundings import Surroundings

Blame = Callable[[Failure, Source, SourceConnection], None]


class HashListFetch:
    """Gets the hash list that belongs to a holding's root, if it is not there yet."""

    def __init__(
        self,
        around: Surroundings,
        sourcing: Sourcing,
        holding: Holding,
        recorder: DownloadRecorder | None,
        blame: Blame,
    ) -> None:
        """``blame`` is called when a source fails at it."""
        self._around = around
        self._sourcing = sourcing
        self._holding = holding
        self._recorder = recorder
        self._blame = blame
        info = holding.info
        self.needed = (
            info.root is not None and info.totalchunknum > 1 and holding.hashes.root != info.root
        )
        self._asked: tuple[Source, SourceConnection, float] | None = None
        self.came_at: float | None = None
        """When it came, by the reactor's clock."""

    @property
    def recording(self) -> bool:
        """True while it is here, and not on record yet."""
        return self.needed and self.came_at is not None

    def ask(self) -> Deferred[None] | None:
        """Ask one of the sources that can be asked for it; None when there is none to ask.

        The Deferred fails with what is nobody's fault.
        """
        now = self._around.reactor.seconds()
        able = self._able(now)
        if self._asked is not None or self.recording or not able:
            return None
        source = self._around.random.choice(able)
        connection = source.connection
        assert connection is not None
        self._asked = source, connection, now
        return (
            connection.fetch_hash_list(self._holding.name, self._holding.info)
            .addCallback(self._came)
            .addErrback(self._failed, source, connection)
        )

    def look_after(self, now: float) -> None:
        """Let another source try when the one that is asked takes long.

        Only one that has not failed yet: each has its turn once, and then there is time.
        """
        if self._asked is None:
            return
        source, connection, at = self._asked
        fresh = [other for other in self._able(now) if other is not source and not other.failures]
        if fresh and now - at >= self._around.patience.silence and connection.open_requests == 1:
            connection.give_up(
                f"it took more than {self._around.patience.silence:g} s for the hash list, others "
                "are asked"
            )

    def asked(self, now: float) -> AskedFacts | None:
        """Of whom it is asked just now."""
        if self._asked is None:
            return None
        source, _, at = self._asked
        return AskedFacts(str(source.address), now - at)

    def _able(self, now: float) -> list[Source]:
        return [s for s in self._sourcing.connected if now >= s.no_hash_list_until]

    def _came(self, hashes: HashList) -> Deferred[None]:
        self._asked = None
        self.came_at = self._around.reactor.seconds()
        self._holding.hashes = hashes
        recorded = self._recorder.hash_list_known() if self._recorder else succeed(None)
        return recorded.addCallback(self._recorded)

    def _recorded(self, _: None) -> None:
        self.needed = False

    def _failed(self, failure: Failure, source: Source, connection: SourceConnection) -> None:
        self._asked = None
        if failure.check(Refused):
            source.deny_hash_list(str(failure.value), self._around.reactor.seconds())
        else:
            self._blame(failure, source, connection)
