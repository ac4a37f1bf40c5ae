"""A progress bar on a terminal."""

from __future__ import annotations

import os
from typing import Any, TextIO

from tqdm import tqdm

from p2pfs.console.control.messages import ProgressMessage
from p2pfs.console.rendering import figures_text, size_text

LABEL_PART = 3
"""A label takes up one of that many parts of a line; of a longer one, the end is shown."""


class _Bar(tqdm):  # type: ignore[type-arg]
    # Without this, tqdm starts a thread that looks after stalled bars.
    monitor_interval = 0
    figures = ""

    @property
    def format_dict(self) -> dict[str, Any]:
        """What the format is filled with: the daemon's figures, none that tqdm reckons."""
        return {**super().format_dict, "figures": self.figures}


class BarDisplay:
    """A progress bar, which disappears when it is closed."""

    def __init__(self, stream: TextIO) -> None:
        """``stream`` is the terminal to draw on."""
        self._stream = stream
        self._bar: _Bar | None = None

    def __call__(self, progress: ProgressMessage) -> None:
        """Draw a report."""
        bar, width = self._bar, _width(self._stream)
        if bar is None:
            bar = self._bar = _Bar(
                total=progress.total or None,
                initial=progress.done,
                leave=False,
                ncols=width,
                nrows=25,
                file=self._stream,
                bar_format="{figures}",  # at first there are none
            )
        bar.ncols = width
        bar.total = progress.total or None
        bar.n = progress.done
        label, figures = _shortened(progress.label, width // LABEL_PART), figures_text(progress)
        if progress.total:
            # Rounded down, so that 100 % means all of it.
            label = f"{label}: {100 * progress.done // progress.total:3} %"
            figures = f"of {size_text(progress.total)}{', ' if figures else ''}{figures}"
            bar.bar_format = "{desc} |{bar:10}| {figures}"
        else:
            bar.bar_format = "{desc}: {figures}"
        bar.figures = figures
        bar.set_description_str(label, refresh=False)
        bar.refresh()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _shortened(label: str, most: int) -> str:
    return label if len(label) <= most else f"…{label[len(label) - most + 1 :]}"


def _width(terminal: TextIO) -> int:
    try:
        # Some terminals say that they have no columns and rows; tqdm draws nothing on those.
        return os.get_terminal_size(terminal.fileno()).columns or 80
    except OSError:
        return 80
