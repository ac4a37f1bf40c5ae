"""Sends part of a file over a plain TCP connection without copying it through this process."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPullProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from p2pfs.peer.rates import RateLimit
from p2pfs.peer.storage import ChunkReader
from p2pfs.reactor import ThreadedReactor
from p2pfs.threads import in_thread

PORTION = 1 << 20
"""Most bytes handed to the kernel in one call; it takes what fits into the socket's buffer."""

_MORE = getattr(socket, "MSG_MORE", 0)
"""Says that what follows goes into the same packet; some systems have no such flag."""


@implementer(IPullProducer)
class FileSender:
    """Sends a header, then ``length`` bytes of a file from ``offset`` on, with sendfile().

    The transport asks for more whenever it has nothing left to send. If that is so from
    the beginning, all goes out at once as far as the system takes it: so a train of chunks needs
    no turn of the reactor for each. What is not in the page cache is read in a thread first, so
    that the reactor does not wait for the disk.
    """

    def __init__(
        self,
        reactor: ThreadedReactor,
        transport: Any,
        reader: ChunkReader,
        limit: RateLimit,
        stall_timeout: float,
        moved: Callable[[int], None],
    ) -> None:
        """``stall_timeout`` is the seconds the other side may take nothing, before it is cut.

        ``moved`` is told how many bytes of the file the kernel has taken, each time.
        """
        self._tell_moved = moved
        self._reactor = reactor
        self._transport = transport
        self._reader = reader
        self._limit = limit
        self._stall_timeout = stall_timeout
        self._header = b""
        self._may_send = False
        self._offset = 0
        self._end = 0
        self._loading = False
        self._turn: IDelayedCall | None = None
        self._watch: IDelayedCall | None = None
        self._moved = False
        self._finished = False
        self._sent: Deferred[None] = Deferred()

    def send(self, header: bytes, offset: int, length: int, nothing_before: bool) -> Deferred[None]:
        """Fires when all is handed to the kernel, or the connection is gone.

        ``nothing_before`` says that the transport has nothing left to send. Fails with
        `StorageProblem` when the file cannot be read, or is not what it was; the connection is
        then to be cut. The transport's producer must have been unregistered.
        """
        self._header, self._offset, self._end = header, offset, offset + length
        self._may_send = nothing_before
        self._watch = self._reactor.callLater(self._stall_timeout, self._look)
        self._transport.registerProducer(self, False)
        return self._sent

    # Twisted's side of it

    def resumeProducing(self) -> None:
        """The transport has nothing left to send, unless it is just being registered."""
        if not self._may_send:
            self._may_send = True
            self._transport.startWriting()
        elif not self._loading and self._turn is None and not self._finished:
            try:
                if self._send_header():
                    self._send_portion()
            except OSError:
                # The transport will find out for itself what is wrong with the connection.
                self._transport.abortConnection()
            except Exception:  # for who waits: test_a_file_cut_short_midway_cuts_the_connection
                self._finish(Failure())

    def stopProducing(self) -> None:
        """The connection is gone."""
        self._finish(None)

    # Inside

    def _send_header(self) -> bool:
        """True when all of it is with the kernel, which sends it along with what follows."""
        if self._header:
            try:
                sent = self._transport.getHandle().send(self._header, _MORE)
            except BlockingIOError:
                sent = 0
            self._header = self._header[sent:]
        if self._header:
            self._transport.startWriting()
        return not self._header

    def _move(self, count: int) -> int:
        """Move that many bytes of the file, or fewer, on; 0 when it ends before."""
        return os.sendfile(self._transport.fileno(), self._reader.fileno(), self._offset, count)

    def _send_portion(self) -> None:
        count = self._limit.portion(min(PORTION, self._end - self._offset))
        self._reader.check()
        if not self._reader.is_cached(self._offset, count):
            self._load(count)
            return
        try:
            sent = self._move(count)
        except BlockingIOError:
            self._transport.startWriting()
            return
        if sent == 0:
            raise self._reader.cut_short()
        self._moved = True
        self._offset += sent
        self._tell_moved(sent)
        wait = self._limit.spend(sent, self._reactor.seconds())
        if wait > 0:
            # Also behind the last byte: the next chunk counts from there.
            self._turn = self._reactor.callLater(wait, self._go_on)
        else:
            self._go_on()

    def _go_on(self) -> None:
        self._turn = None
        if self._offset == self._end:
            self._finish(None)
        else:
            self._transport.startWriting()

    def _load(self, count: int) -> None:
        self._loading = True
        loading = in_thread(self._reactor, self._reader.load, self._offset, count)
        loading.addBoth(self._loaded)

    def _loaded(self, outcome: Failure | None) -> None:
        self._loading = False
        self._moved = True
        if self._finished or outcome is not None:
            self._finish(outcome)
        else:
            self._transport.startWriting()

    def _look(self) -> None:
        """Cut off a side that took nothing for a while."""
        self._watch = None
        waits_for_us = self._loading or self._turn is not None
        if self._moved or waits_for_us:
            self._moved = False
            self._watch = self._reactor.callLater(self._stall_timeout, self._look)
        else:
            self._transport.abortConnection()

    def _finish(self, failure: Failure | None) -> None:
        for timer in (self._turn, self._watch):
            if timer is not None:
                timer.cancel()
        self._turn = self._watch = None
        if not self._finished:
            self._finished = True
            self._transport.unregisterProducer()
        # Whoever waits closes the file, so not while a thread still reads it.
        if not self._loading and not self._sent.called:
            if failure is None:
                self._sent.callback(None)
            else:
                self._sent.errback(failure)
