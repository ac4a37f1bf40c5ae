"""When the end of a download is held up by a slow source that others could stand in for.

Pure: `Picker.seconds_elsewhere` says how soon others would have the chunks, this module
whether that is worth it. The slow source's connection is then given up, because a
reply under way cannot be stopped in any other way, and a chunk must never come
from two sources at once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

GAIN = 3.0
"""How many times quicker the others must be: what has come already is thrown away."""
MARGIN = 2.0
"""Seconds to be won beyond that."""
LONGEST = 10.0
"""How many times that threshold it may be "nearly there": what comes may be mere padding."""

S = TypeVar("S", bound=Hashable)


@dataclass(frozen=True)
class Burden(Generic[S]):
    """What is in flight at one source.

    ``busy`` is the seconds since it last delivered a chunk, or was asked for the
    first of these; ``came`` the bytes that came in that time, ``due`` the bytes of
    all the chunks.
    """

    source: S
    chunknums: tuple[int, ...]
    busy: float
    came: int
    due: int

    @property
    def remaining(self) -> float:
        """Seconds until all of it is here, if it goes on like this."""
        if self.came <= 0:
            return float("inf")
        return max(0, self.due - self.came) * self.busy / self.came

    def outlasts(self, seconds: float) -> bool:
        """True when it has taken, and will take, much longer than that."""
        threshold = GAIN * seconds + MARGIN
        if self.busy > LONGEST * threshold:
            return True
        return self.busy > threshold and self.remaining > threshold


def straggler(
    burdens: Iterable[Burden[S]], elsewhere: Callable[[Burden[S]], float | None]
) -> Burden[S] | None:
    """The source whose chunks should be asked of others, the slowest if there are several.

    ``elsewhere`` tells in how many seconds others would have them, None if they would
    not at all.
    """
    slow = []
    for burden in burdens:
        seconds = elsewhere(burden)
        if seconds is not None and burden.outlasts(seconds):
            slow.append(burden)
    return max(slow, key=lambda burden: burden.remaining, default=None)
