"""What a serving peer offers to downloaders that take turns, and when."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from random import Random
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from p2pfs.chunks import ChunkSet
from p2pfs.errors import Refused
from p2pfs.peer.library import Holding
from p2pfs.peer.policy import MOST_WANT_LISTS, UploadSlots, WantList
from p2pfs.peer.serving.uploads import Downloader
from p2pfs.wire.messages import PeerWant

MOST_AT_A_TIME = 64
"""Chunks that are offered to one downloader at a time, whatever room it has."""


class Receiver(Downloader, Hashable, Protocol):
    """A downloader's connection that takes offers."""

    def offer(self, filename: str, chunknum: int, spare: bool) -> None:
        """Tell the downloader that it is its turn; ``spare``: nothing else is being sent."""


class Offers:
    """Makes an offer whenever it is a downloader's turn."""

    def __init__(
        self,
        reactor: IReactorTime,
        random: Random,
        holding: Callable[[str, str | None], Holding],
    ) -> None:
        """``holding`` gives what is held under a name and root, or raises `Refused`.

        ``random`` breaks ties between those whose turn it could be.
        """
        self._reactor = reactor
        self._holding = holding
        self._turns: UploadSlots[Receiver] = UploadSlots(random, lambda receiver: receiver.host)
        self._next_look: IDelayedCall | None = None

    # What downloaders say

    def want(self, receiver: Receiver, message: PeerWant) -> None:
        """Note what a downloader wants.

        Raises `Refused` or `InvalidFileInfo` when nothing will ever be offered for it.
        """
        holding = self._holding(message.filename, message.root)
        chunks = ChunkSet.from_bitfield(holding.info.totalchunknum, message.chunks).bits
        room = min(message.room, MOST_AT_A_TIME)
        now = self._reactor.seconds()
        if not self._turns.want(receiver, message.filename, message.root, chunks, room, now):
            raise Refused(f"One connection may want chunks of {MOST_WANT_LISTS} files at a time.")
        rest = self._turns.rest(receiver, now)
        if rest:
            self._look_in(rest, now)  # whatever it wants until then, and however often
        else:
            self._make()

    def have(self, receiver: Receiver, filename: str, chunknum: int) -> None:
        """A downloader has a chunk, or wants it no more."""
        # Most are told of chunks that others sent: that is nobody's turn.
        if self._turns.has(receiver, filename, chunknum, self._reactor.seconds()):
            self._make()

    def busy(self, receiver: Receiver, filename: str, chunknum: int) -> None:
        """A downloader has no room for a chunk that was offered, until it is ready."""
        if self._turns.busy(receiver, filename, chunknum, self._reactor.seconds()):
            self._make()

    def ready(self, receiver: Receiver, filename: str) -> None:
        """A downloader that was busy has room again."""
        if self._turns.ready(receiver, filename):
            self._make()

    def asked(self, receiver: Receiver, filename: str, chunknum: int) -> None:
        """A downloader asks for a chunk, perhaps for one that was offered."""
        self._turns.asked(receiver, filename, chunknum)

    # What becomes of it

    def sent(self, receiver: Receiver, filename: str, chunknum: int) -> None:
        """A chunk that was asked for has been sent."""
        if self._turns.sent(receiver, filename, chunknum, self._reactor.seconds()):
            self._make()

    def failed(self, receiver: Receiver, filename: str, chunknum: int) -> None:
        """A chunk that was asked for could not be sent."""
        self._turns.failed(receiver, filename, chunknum)
        self._make()

    def forget(self, receiver: Receiver) -> None:
        """A downloader is gone."""
        self._turns.forget(receiver)
        self._make()

    def waits(self, receiver: Receiver) -> bool:
        """Whether a downloader wants something that there is here, or has been offered it."""
        return self._turns.waits(receiver, self._held)

    @property
    def several(self) -> bool:
        """True while more than one downloader wants something."""
        return self._turns.several

    def make(self) -> None:
        """Make the offers that can be made; to be called when there is more to offer."""
        self._turns.more()
        self._make()

    def _make(self) -> None:
        wait = None
        # A peer that only downloads has more to offer with each chunk, and nobody to offer it to.
        if not self._turns.idle:
            now = self._reactor.seconds()
            while (turn := self._turns.next(self._held, now)) is not None:
                turn.want_list.receiver.offer(turn.want_list.filename, turn.chunknum, turn.spare)
            wait = self._turns.next_look(now)
        if wait is not None:
            self._look_in(wait, now)
        elif self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None

    def _look_in(self, wait: float, now: float) -> None:
        """Look again after that time at the latest."""
        if self._next_look is None:
            self._next_look = self._reactor.callLater(wait, self._look)
        elif self._next_look.getTime() > now + wait:
            # Otherwise it looks too soon, and again: that costs less than a timer for each chunk.
            self._next_look.reset(wait)

    def _look(self) -> None:
        self._next_look = None
        self.make()

    def _held(self, want_list: WantList[Receiver]) -> int:
        try:
            return self._holding(want_list.filename, want_list.root).chunks.bits
        except Refused:
            return 0
