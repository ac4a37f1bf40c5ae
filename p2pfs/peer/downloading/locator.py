"""Asks the tracker, time and again, who holds the chunks of a download."""

from __future__ import annotations

from contextlib import suppress

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pfs.addresses import Address, parse_full_name
from p2pfs.chunks import ChunkSet
from p2pfs.errors import InvalidAddress, InvalidFileInfo, P2pfsError
from p2pfs.peer.downloading.context import DownloadContext
from p2pfs.peer.downloading.explanation import seconds_text
from p2pfs.peer.downloading.running import HEARTBEAT
from p2pfs.peer.library import Holding
from p2pfs.wire.messages import ReplyFileLocation

REFRESH_GROWTH = 3
"""At first, each pause between questions to the tracker is this many times the one before."""

RELAXED = 5
"""The pauses are this many times as long while sources deliver."""

EARLIEST_REFRESH = 1.0
"""Seconds between questions to the tracker when sources just failed, or are too few."""


class Locator:
    """When the tracker is asked next, and what its answers mean. Times are in seconds."""

    def __init__(self, context: DownloadContext, holding: Holding) -> None:
        """``holding`` is what is to be located."""
        self._reactor = context.reactor
        self._announcer = context.announcer
        self._refresh = context.patience.refresh
        self._holding = holding
        self._asking = False
        self._begun = self._next_at = self._asked_at = context.reactor.seconds()

    def is_due(self, now: float, delivered_lately: bool) -> bool:
        """Whether it is time to ask; while sources deliver, that is less often."""
        if not delivered_lately:
            self._next_at = min(self._next_at, self._asked_at + self._refresh)
        return now >= self._next_at and not self._asking

    def ask(self) -> Deferred[ReplyFileLocation | None]:
        """Ask; fires with None when there is no answer, so that what is known still holds."""
        self._asking = True
        self._asked_at = self._reactor.seconds()
        located = self._announcer.locate(self._holding.name)
        return located.addCallbacks(self._answered, self._not_answered)

    def heard(self, now: float) -> None:
        """The tracker has said where the chunks are."""
        # Often at first, when others begin too and soon have something to give.
        pause = max(HEARTBEAT, (REFRESH_GROWTH - 1) * (now - self._begun))
        self._next_at = now + min(RELAXED * self._refresh, pause)

    def hurry(self) -> None:
        """What it said is stale, or not enough: ask again soon."""
        soon = self._reactor.seconds() + min(EARLIEST_REFRESH, self._refresh)
        self._next_at = min(self._next_at, soon)

    def named_in(self, location: ReplyFileLocation) -> dict[Address, int]:
        """The chunks (as bits) of each holder but this very peer."""
        named: dict[Address, int] = {}
        if location.fileinfo != self._holding.info:
            return named  # another content has taken the name
        total = self._holding.info.totalchunknum
        for text, bitfield in (*location.chunkinfo.items(), *location.waiting.items()):
            if text != self._announcer.address:
                try:
                    named[parse_full_name(text)] = ChunkSet.from_bitfield(total, bitfield).bits
                except (InvalidAddress, InvalidFileInfo):
                    continue  # a malformed entry names no source
        return named

    def members_in(self, location: ReplyFileLocation) -> dict[Address, str]:
        """Which member each holder is, in a private swarm."""
        members: dict[Address, str] = {}
        for text, name in location.members.items():
            with suppress(InvalidAddress):  # a malformed entry names no source
                members[parse_full_name(text)] = name
        return members

    def outlook(self, now: float) -> str:
        """What is to be expected of the tracker."""
        if not self._announcer.reachable:
            at = self._announcer.retry_at
            again = f", tried again in {seconds_text(max(0.0, at - now))}" if at else ""
            locked_out = self._announcer.locked_out
            if locked_out:
                return f"the tracker does not let this peer in{again}. {locked_out.rstrip('.')}"
            return f"no tracker is reachable{again}"
        if self._asking:
            return "is asking the tracker who holds them"
        return f"asks the tracker in {seconds_text(max(0.0, self._next_at - now))}"

    def _answered(self, location: ReplyFileLocation) -> ReplyFileLocation:
        self._asking = False
        return location

    def _not_answered(self, failure: Failure) -> None:
        self._asking = False
        failure.trap(P2pfsError)
        self._next_at = self._reactor.seconds() + self._refresh
