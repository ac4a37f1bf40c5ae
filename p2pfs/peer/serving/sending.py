"""Which chunks that were asked for are sent now: hosts share that, however they came to ask."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime

AT_ONCE = 8
"""Chunks that are sent to one host at a time, over as many connections, while no other gets any."""

WITH_OTHERS = 1
"""The same while another host does."""

SECONDS = 3.0
"""After which a chunk under way does not count any more, nor does its host for others: its end is
the bottleneck, or it will get its part of the line anyway."""

C = TypeVar("C", bound=Hashable)


@dataclass
class _Host(Generic[C]):
    """Connections of a host: since when each is sent a chunk, and those that wait for that."""

    sending: dict[C, float] = field(default_factory=dict)
    waiting: dict[C, Deferred[None]] = field(default_factory=dict)
    next_look: IDelayedCall | None = None


class Sending(Generic[C]):
    """Lets a few connections of each host send a chunk at a time, each one chunk.

    Otherwise a host's part of the line would be that of its connections: the system
    shares it by connection.
    """

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._hosts: dict[str, _Host[C]] = {}
        # When hosts last began or ended to be sent a chunk; the last one did last.
        self._active_at: OrderedDict[str, float] = OrderedDict()

    def begin(self, connection: C, host: str) -> Deferred[None]:
        """Fires when it is a connection's turn to send a chunk, or when that is gone."""
        record = self._hosts.setdefault(host, _Host())
        if not record.waiting and self._has_room(host, record):
            self._start(connection, host, record)
            return succeed(None)
        turn = record.waiting[connection] = Deferred()
        self._look_later(host, record)
        return turn

    def end(self, connection: C, host: str) -> None:
        """A connection is not sending, nor waiting for it, any more."""
        record = self._hosts.get(host)
        if record is None:
            return
        turn = record.waiting.pop(connection, None)
        if record.sending.pop(connection, None) is not None:
            self._note(host)
        self._go_on(host, record)
        if turn is not None:
            turn.callback(None)

    def _start(self, connection: C, host: str, record: _Host[C]) -> None:
        record.sending[connection] = self._reactor.seconds()
        self._note(host)

    def _go_on(self, host: str, record: _Host[C]) -> None:
        """Let those begin for whom there is room, and look again when there may be more."""
        turns = []
        while record.waiting and self._has_room(host, record):
            connection = next(iter(record.waiting))
            turns.append(record.waiting.pop(connection))
            self._start(connection, host, record)
        self._look_later(host, record)
        if not record.sending and not record.waiting:
            del self._hosts[host]
        for turn in turns:
            turn.callback(None)

    def _look_later(self, host: str, record: _Host[C]) -> None:
        if not record.waiting:
            if record.next_look is not None:
                record.next_look.cancel()
                record.next_look = None
        elif record.next_look is None:
            record.next_look = self._reactor.callLater(SECONDS, self._look, host, record)

    def _look(self, host: str, record: _Host[C]) -> None:
        record.next_look = None
        self._go_on(host, record)

    def _has_room(self, host: str, record: _Host[C]) -> bool:
        room = WITH_OTHERS if self._others(host) else AT_ONCE
        since = self._reactor.seconds() - SECONDS
        for began in reversed(record.sending.values()):
            room -= began > since
            if began <= since or room <= 0:
                break
        return room > 0

    def _others(self, host: str) -> bool:
        """Whether a chunk was sent to another host just now."""
        now = self._reactor.seconds()
        while self._active_at:
            oldest, at = next(iter(self._active_at.items()))
            if at > now - SECONDS:
                break
            del self._active_at[oldest]
        return len(self._active_at) > (host in self._active_at)

    def _note(self, host: str) -> None:
        self._active_at[host] = self._reactor.seconds()
        self._active_at.move_to_end(host)
