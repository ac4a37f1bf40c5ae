"""How the ``p2pfs`` program shows progress: a bar on a terminal, lines in a pipe."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TextIO

from tqdm import tqdm

from p2pfs.console.control.messages import ProgressMessage
from p2pfs.console.rendering import progress_text

LINE_INTERVAL = 2.0


class _Bar(tqdm):  # type: ignore[type-arg]
    # Without this, tqdm starts a thread that looks after stalled bars.
    monitor_interval = 0


class BarDisplay:
    """A progress bar, which disappears when it is closed."""

    def __init__(self, stream: TextIO) -> None:
        """``stream`` is the terminal to draw on."""
        self._stream = stream
        self._bar: _Bar | None = None

    def __call__(self, progress: ProgressMessage) -> None:
        """Draw a report."""
        bar = self._bar
        if bar is None:
            # What was there before is no part of the speed of this run.
            bar = self._bar = _Bar(
                total=progress.total or None,
                initial=progress.done,
                unit="B",
                unit_scale=True,
                unit_divisor=1024,
                leave=False,
                ncols=_width(self._stream),
                nrows=25,
                file=self._stream,
            )
        bar.ncols = _width(self._stream)
        bar.total = progress.total or None
        bar.n = progress.done
        bar.set_description(progress.label, refresh=False)
        bar.set_postfix_str(progress.note, refresh=False)
        bar.refresh()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _width(terminal: TextIO) -> int:
    try:
        # Some terminals say that they have no columns and rows; tqdm draws nothing on those.
        return os.get_terminal_size(terminal.fileno()).columns or 80
    except OSError:
        return 80


class LineDisplay:
    """A line of text every now and then, and whenever the remark changes."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        """``stream`` is where lines go; ``clock`` counts seconds."""
        self._stream = stream
        self._clock = clock
        self._shown_at: float | None = None
        self._note = ""

    def __call__(self, progress: ProgressMessage) -> None:
        """Print a report if it is time for one."""
        now = self._clock()
        due = self._shown_at is None or now - self._shown_at >= LINE_INTERVAL
        if due or progress.note != self._note:
            self._shown_at, self._note = now, progress.note
            print(progress_text(progress), file=self._stream, flush=True)

    def close(self) -> None:
        """Nothing to take away."""


def display_for(stream: TextIO) -> BarDisplay | LineDisplay:
    """What suits a stream: a bar if it is a terminal, otherwise lines."""
    return BarDisplay(stream) if stream.isatty() else LineDisplay(stream)
