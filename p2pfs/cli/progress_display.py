"""How the ``p2pfs`` program shows progress: a bar on a terminal, lines in a pipe."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, TextIO

from p2pfs.console.control.messages import ProgressMessage
from p2pfs.console.progress_lines import ProgressLines


class LineDisplay:
    """A line of text when something else is done than before, and now and then."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        """``stream`` is where lines go; ``clock`` counts seconds."""
        self._stream = stream
        self._clock = clock
        self._lines = ProgressLines()

    def __call__(self, progress: ProgressMessage) -> None:
        """Print a report if it is worth a line."""
        line = self._lines.line(progress, self._clock())
        if line is not None:
            print(line, file=self._stream, flush=True)

    def close(self) -> None:
        """Nothing to take away."""


class Display(Protocol):
    """What shows the progress of one command."""

    def __call__(self, progress: ProgressMessage) -> None:
        """Show a report."""

    def close(self) -> None:
        """The command has ended."""


def display_for(stream: TextIO) -> Display:
    """What suits a stream: a bar if it is a terminal, otherwise lines."""
    if not stream.isatty():
        return LineDisplay(stream)
    # Not at the top: it takes a third of the time in which the program starts.
    from p2pfs.cli.progress_bar import BarDisplay

    return BarDisplay(stream)
