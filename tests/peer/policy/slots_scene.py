"""Receivers that want chunks of a serving peer, whose turns it shares out."""

from __future__ import annotations

from random import Random

from p2pfs.peer.policy.upload_slots import (
    Turn,
    UploadSlots,
)
from p2pfs.peer.policy.want_lists import WantList

ALL = (1 << 40) - 1


class Scene:
    """A serving peer that holds everything, and receivers a, b, c and so on."""

    def __init__(self, receivers: int, room: int = 3, chunks: int = ALL) -> None:
        # The host of a receiver is its name up to a dot.
        self.turns: UploadSlots[str] = UploadSlots(Random(1), lambda name: name.partition(".")[0])
        self.now = 0.0
        self.held = ALL
        self.names = [chr(ord("a") + number) for number in range(receivers)]
        for name in self.names:
            self.want(name, chunks, room)

    def want(self, name: str, chunks: int = ALL, room: int = 3) -> None:
        """A receiver wants chunks of the file f."""
        assert self.turns.want(name, "f", None, chunks, room, self.now)

    def offers(self) -> list[tuple[str, int]]:
        """All offers that can be made now."""
        return [(str(turn.want_list.receiver), turn.chunknum) for turn in self.made()]

    def made(self) -> list[Turn[str]]:
        """The same, with all that is told."""
        made = []
        while (turn := self.turns.next(self._held, self.now)) is not None:
            made.append(turn)
        return made

    def _held(self, want_list: WantList[str]) -> int:
        return self.held

    def has(self, name: str, chunknum: int, asked: bool = True) -> None:
        """A receiver has a chunk; or, if it never asked for it, it does not want it."""
        if asked:
            self.turns.asked(name, "f", chunknum)
        self.turns.has(name, "f", chunknum, self.now)
