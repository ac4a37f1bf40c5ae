"""How many connections to sources a peer may have open, over all of its downloads."""

from __future__ import annotations

import sys


class Room:
    """Counts what is open; ``most`` is how many there may be."""

    def __init__(self, most: int = sys.maxsize) -> None:
        self.most = most
        self.taken = 0

    def take(self) -> bool:
        """Open one more; False when there is no room for it."""
        if self.taken >= self.most:
            return False
        self.taken += 1
        return True

    def give_back(self) -> None:
        """One is closed."""
        self.taken -= 1
