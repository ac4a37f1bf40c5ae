"""Where a chunk goes that may never be of use: into memory, of which there is a bounded amount."""

from __future__ import annotations

from collections.abc import Callable

from p2pfs.hashing import Hasher

SPARE = 16 << 20
"""Bytes of such chunks, for all downloads of a peer."""


class SpareMemory:
    """Counts what lies in memory and may be thrown away."""

    def __init__(self, most: int = SPARE) -> None:
        self.most = most
        self.taken = 0

    def take(self, count: int) -> bool:
        """Use that many bytes more; False when there is no room for them."""
        if self.taken + count > self.most:
            return False
        self.taken += count
        return True

    def give_back(self, count: int) -> None:
        """They are not used any more."""
        self.taken -= count


class MemorySink:
    """Takes the bytes of one chunk; what is too much, or comes after `release`, goes nowhere."""

    def __init__(
        self, length: int, hasher: Hasher, memory: SpareMemory, crowded_out: Callable[[], None]
    ) -> None:
        """``hasher`` makes the digest of it.

        ``crowded_out`` is called when there is no memory for what comes.
        """
        self.length = length
        self.pieces: list[bytes] = []
        self._memory = memory
        self._crowded_out = crowded_out
        self._digest = hasher
        self._taken = 0
        self._open = True

    def attach(self, paused: Callable[[], None], resumed: Callable[[], None]) -> None:
        """Nobody has to pause: what comes is taken at once, or never."""

    def write(self, data: bytes) -> None:
        """Take the next bytes of the chunk; never more than its length in all."""
        if not self._open:
            return
        if not self._memory.take(len(data)):
            self.release()
            self._crowded_out()
            return
        self._taken += len(data)
        self.pieces.append(data)
        self._digest.update(data)

    @property
    def digest(self) -> bytes:
        """The digest of what came."""
        return self._digest.digest()

    def release(self) -> None:
        """Nothing of it is needed any more."""
        self._open = False
        self._memory.give_back(self._taken)
        self._taken = 0
        self.pieces = []
