"""Connections of one download: how each begins, what it ends with, and who is to be blamed."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.errors import SourceFailed
from p2pfs.peer.downloading.context import DownloadContext
from p2pfs.peer.downloading.locator import Locator
from p2pfs.peer.downloading.running import RunningDownload
from p2pfs.peer.downloading.trials import Trials
from p2pfs.peer.policy import Picker, Trial
from p2pfs.peer.sources import (
    OutOfReach,
    ReadySource,
    Source,
    SourceConnection,
    SourcePool,
    WrongChunk,
)
from p2pfs.printable import printable
from p2pfs.wire import QUIET


class Connector:
    """Opens connections to sources, and tells the picker what becomes of them."""

    log = Logger()

    def __init__(
        self,
        context: DownloadContext,
        pool: SourcePool,
        name: str,
        picker: Picker[Source],
        trials: Trials,
        locator: Locator,
        download: RunningDownload,
    ) -> None:
        """``name`` is that of the file; ``locator`` is hurried when a source fails."""
        self._reactor = context.reactor
        self._patience = context.patience
        self._experience = context.experience
        self._pool = pool
        self._name = name
        self._picker = picker
        self._trials = trials
        self._locator = locator
        self._download = download
        # The ends of connections that are waited for.
        self._ends: dict[Deferred[None], None] = {}
        self.stopped = False

    def connect(self, source: Source, now: float) -> None:
        """Begin to open a connection to a source."""
        source.attempt_at = now
        source.attempt = attempt = self._pool.get(source.address)
        attempt.addCallbacks(self._ready, self._not_ready, (source,), {}, (source,))
        attempt.addErrback(self._download.crashed)

    def tell_picker(self, source: Source) -> None:
        """Tell the picker what a source holds, unless it is not to be asked again."""
        if not source.banned:
            self._picker.set_chunks(source, source.usable_chunks)

    def dismiss(self, source: Source, now: float) -> None:
        """End its trial: others are asked first, and then this one again."""
        reason = "it made room for others"
        if self._trials.in_vain(source, now):
            reason = "it brought nothing while it was on trial, others are tried first"
            self._experience.set_back(source.address, now)
        connection, attempt = source.connection, source.attempt
        source.dismissed(f"{source.address}: {reason}", now, self._patience)
        self._picker.set_away(source)
        if attempt is not None:
            attempt.cancel()
        if connection is not None:
            connection.give_up(reason)

    def blame(self, failure: Failure, source: Source, connection: SourceConnection) -> None:
        """Draw the consequences of a failure; those that are nobody's fault go on."""
        if failure.check(CancelledError):
            return  # this download did it: it ends, or another source was first
        failure.trap(SourceFailed)
        if failure.check(WrongChunk):
            self._ban(source, str(failure.value))
        else:
            self._lost(source, connection, str(failure.value))

    def stop(self) -> None:
        """Take no notice of anything any more."""
        self.stopped = True
        for end in list(self._ends):
            end.cancel()

    def _ready(self, ready: ReadySource, source: Source) -> None:
        source.attempt = None
        if self.stopped or source.banned:
            return
        connection = ready.connection
        source.connection, source.brought_then = connection, 0
        source.trial = Trial()
        self.tell_picker(source)
        self._picker.set_ready(
            source,
            ready.round_trip,
            connection.takes_turns,
            self._experience.credit(source.address),
            source.host,
        )
        self._picker.set_standing(source, self._trials.standing(source, self._reactor.seconds()))
        end = connection.ended()
        self._ends[end] = None
        end.addCallback(lambda _: self._lost(source, connection, "it closed the connection"))
        end.addErrback(lambda failure: failure.trap(CancelledError))
        end.addErrback(self._download.crashed)
        end.addCallback(lambda _: self._ends.pop(end))
        self._download.go_on()

    def _not_ready(self, failure: Failure, source: Source) -> None:
        source.attempt = None
        if failure.check(CancelledError):
            return  # it was dismissed, or the pool is closed
        failure.trap(SourceFailed)
        source.answered = failure.check(OutOfReach) is None
        self._failed(source, str(failure.value))

    def _ban(self, source: Source, error: str) -> None:
        """A source sent something wrong: do not ask it for this file again."""
        if not source.banned:  # several chunks in flight may be wrong
            self.log.warn("Banned for {name}: {error}", name=printable(self._name), error=error)
        source.ban(error, self._reactor.seconds())
        self._experience.was_wrong(source.address, self._reactor.seconds())
        self._picker.forget(source)

    def _lost(self, source: Source, connection: SourceConnection, error: str) -> None:
        """A connection is of no use any more; requests on it fail by themselves."""
        if source.connection is connection and not self.stopped:
            source.answered = connection.unanswered < QUIET
            self._failed(source, error)
            self._picker.set_away(source)

    def _failed(self, source: Source, error: str) -> None:
        now = self._reactor.seconds()
        source.failed(error, now, self._patience)
        self._experience.set_back(source.address, now)
        self._locator.hurry()
