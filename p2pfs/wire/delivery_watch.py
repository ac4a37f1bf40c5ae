"""Whether a side that owes answers still delivers: silence, and dripping. Pure: told the time."""

from __future__ import annotations

GAP = 1.0
"""Seconds by which a timer must be late to show that this process did not run meanwhile.

A stopped process or a machine asleep is late by far more, a busy one by far less.
"""

LEAST_RATE = 64
"""Bytes a second that who owes answers must send, on average over its window.

Sixteen downloaders that share a source with the lowest upload rate there can be
(1 KiB/s) get that much each. Who sends less holds up more than it brings.
"""

_SOONEST = 0.001
"""Seconds to the next look at the least: a clock's rounding must not make looks without end."""


class DeliveryWatch:
    """What has come from one connection while an answer was due.

    The connection is watched in windows of ``patience`` seconds, not counting
    those in which this side did not read. In each window, an answer must be
    completed or ``least_rate`` bytes a second must come. All times are of one
    clock, in seconds.
    """

    def __init__(self, patience: float, least_rate: float = 0.0) -> None:
        """With a ``least_rate`` of 0, only complete silence counts against it."""
        self._patience = patience
        self._least_rate = least_rate
        self._heard_at = 0.0
        self._begun = 0.0
        self._bytes = 0
        self._held_since: float | None = None
        self._next_look = 0.0
        self.flowed_at: float | None = None
        """When a whole window last ended in which enough came; None if none did yet."""

    # What happens

    def begin(self, now: float) -> None:
        """An answer is due from now on, or all that was so far is to be forgiven."""
        self._heard_at = now
        self._begin_window(now)

    def heard(self, count: int, now: float) -> None:
        """So many bytes came."""
        self._heard_at = now
        self._bytes += count

    def answered(self, now: float) -> None:
        """An answer is complete."""
        self._begin_window(now)

    def hold(self, now: float) -> None:
        """This side stops reading."""
        self._held_since = now

    def release(self, now: float) -> None:
        """This side reads again: the other cannot be blamed for the time between."""
        if self._held_since is not None:
            self._begun += now - self._held_since
            self._held_since = None
        self._heard_at = now

    # What follows

    def check(self, now: float) -> str | None:
        """What is wrong with the other side, in words; None when nothing is.

        To be called when `next_look` is over. A call that comes much later than that
        blames nobody: what the other side sent meanwhile may not be read yet.
        """
        if now - self._next_look > GAP:
            self.begin(now)
        held = self._held_since is not None
        if not held and now - self._heard_at >= self._patience:
            return f"it was silent for {self._patience:g} s"
        elapsed = self._elapsed(now)
        if elapsed >= self._patience:
            if self._bytes < self._least_rate * elapsed:
                rate = f"{self._least_rate:g} bytes a second"
                return f"it sent less than {rate} for {self._patience:g} s"
            self.flowed_at = now
            self._begin_window(now)
        return None

    def silence(self, now: float) -> float:
        """Seconds in which nothing has come since an answer is due, as far as this side read."""
        return 0.0 if self._held_since is not None else now - self._heard_at

    def next_look(self, now: float) -> float:
        """Seconds until `check` can find something."""
        wait = self._patience - self._elapsed(now)
        if self._held_since is None:
            wait = max(_SOONEST, min(wait, self._heard_at + self._patience - now))
        else:
            # Its time stands still: there is no telling when it will be up.
            wait = max(self._patience / 8, wait)
        self._next_look = now + wait
        return wait

    def _elapsed(self, now: float) -> float:
        """How much of the window is over; time in which nothing is read does not count."""
        return (now if self._held_since is None else self._held_since) - self._begun

    def _begin_window(self, now: float) -> None:
        """Count anew."""
        self._begun, self._bytes = now, 0
        if self._held_since is not None:
            self._held_since = now
