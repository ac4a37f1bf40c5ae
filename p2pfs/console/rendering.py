"""Text for people: sizes, parts of them, and one line that says how far a command is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from p2pfs.printable import printable

WIDEST = 40
"""Characters to which the columns of a table are padded at most."""


class ProgressLike(Protocol):
    """Progress as a command reports it or as it comes over the control socket."""

    @property
    def label(self) -> str:
        """What is being worked on."""

    @property
    def done(self) -> int:
        """The bytes done."""

    @property
    def total(self) -> int:
        """The bytes there are, or 0 where that is not known."""

    @property
    def note(self) -> str:
        """What is done now, or the empty string."""

    @property
    def detail(self) -> str:
        """The numbers to that, or the empty string."""

    @property
    def rate(self) -> int | None:
        """Bytes a second, if that is known."""

    @property
    def seconds_left(self) -> int | None:
        """The time to the end, if that is known."""


def size_text(count: int) -> str:
    """A number of bytes in the largest binary unit it fills, such as ``3.5 MiB``."""
    if count < 1024:
        return f"{count} B"
    size = float(count)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        size /= 1024
        # 1023.95 would otherwise be shown as "1024.0" of the smaller unit.
        if size < 1023.95:
            return f"{size:.1f} {unit}"
    return f"{size / 1024:.1f} PiB"


def rate_text(rate: float | None) -> str:
    """Bytes a second, such as ``3.5 MiB/s``; ``-`` where that is not known."""
    return "-" if rate is None else f"{size_text(round(rate))}/s"


def duration_text(seconds: float | None) -> str:
    """Hours, minutes and seconds, such as ``0:04:10``; ``-`` where that is not known."""
    if seconds is None:
        return "-"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def figures_text(progress: ProgressLike) -> str:
    """Rate, time left, and what is done; what is not known is left out."""
    parts = []
    if progress.rate is not None:
        parts.append(rate_text(progress.rate))
    if progress.seconds_left is not None:
        parts.append(f"{duration_text(progress.seconds_left)} left")
    return ", ".join([*parts, *(text for text in (progress.note, progress.detail) if text)])


def progress_text(progress: ProgressLike) -> str:
    """One line for a progress report: ``x.iso: 42 % of 3.5 GiB, 9.8 MiB/s, 0:03:32 left``."""
    parts = []
    if progress.total > 0:
        # Rounded down, so that 100 % means all of it.
        percent = 100 * progress.done // progress.total
        parts.append(f"{percent} % of {size_text(progress.total)}")
    elif progress.done:
        parts.append(size_text(progress.done))
    if figures := figures_text(progress):
        parts.append(figures)
    return f"{progress.label}: {', '.join(parts)}" if parts else progress.label


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], empty: str = "") -> list[str]:
    """Lines of aligned columns, numbers to the right; ``empty`` alone when there are no rows.

    What is wider than `WIDEST` is shown whole, and makes only its own line longer.
    """
    if not rows:
        return [empty] if empty else []
    cells = [list(headings), *([printable(str(cell)) for cell in row] for row in rows)]
    widths = [
        max((len(line[column]) for line in cells if len(line[column]) <= WIDEST), default=0)
        for column in range(len(headings))
    ]
    to_right = [
        all(isinstance(row[column], int) for row in rows) for column in range(len(headings))
    ]
    return [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, to_right, strict=True)
        ).rstrip()
        for line in cells
    ]
