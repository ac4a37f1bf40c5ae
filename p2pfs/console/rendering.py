"""Text for people: sizes, parts of them, and one line that says how far a command is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from p2pfs.printable import printable


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
        """A short remark, or the empty string."""


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


def progress_text(progress: ProgressLike) -> str:
    """One line for a progress report, such as ``x.iso: 42 % of 3.5 GiB, 4 sources``."""
    parts = []
    if progress.total > 0:
        # Rounded down, so that 100 % means all of it.
        percent = 100 * progress.done // progress.total
        parts.append(f"{percent} % of {size_text(progress.total)}")
    elif progress.done:
        parts.append(size_text(progress.done))
    if progress.note:
        parts.append(progress.note)
    return f"{progress.label}: {', '.join(parts)}" if parts else progress.label


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], empty: str = "") -> list[str]:
    """Lines of aligned columns, numbers to the right; ``empty`` alone when there are no rows."""
    if not rows:
        return [empty] if empty else []
    cells = [list(headings), *([printable(str(cell)) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(headings))]
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
