"""Long answers at a terminal: a screen at a time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TextIO

DEFAULT_PAGER = "less"
_LESS_OPTIONS = "FRX"
"""What ``less`` is told where the user does not: to stop when all fits, and to leave it there."""

_NOT_FOUND = (126, 127)
"""With these a shell says that it could not run the program."""


def show(lines: Sequence[str], stream: TextIO, environ: Mapping[str, str] = os.environ) -> None:
    """Print lines; on a terminal with fewer rows, through the pager of the environment.

    ``PAGER`` is a command line for the shell, as usual. Where it is empty or ``cat``, or cannot
    be run, lines are printed as far as the screen goes, and how many there are beyond it.
    Raises BrokenPipeError when nobody reads a pipe.
    """
    if not stream.isatty() or _rows(lines, _columns()) < shutil.get_terminal_size().lines:
        _print(lines, stream)
        return
    pager = _pager(environ)
    if not pager or not _paged(pager, lines, stream, environ):
        _print_one_screen(lines, stream)


def _columns() -> int:
    return max(1, shutil.get_terminal_size().columns)


def _rows(lines: Sequence[str], columns: int) -> int:
    """How many rows of a terminal they take up."""
    return sum(1 + max(0, len(line) - 1) // columns for line in lines)


def _pager(environ: Mapping[str, str]) -> str:
    given = environ.get("PAGER")
    if given is not None:
        return "" if given.strip() in ("", "cat") else given
    return DEFAULT_PAGER if shutil.which("less", path=environ.get("PATH")) else ""


def _paged(pager: str, lines: Sequence[str], stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether the pager could be run; how it ended is the user's affair."""
    stream.flush()
    process = subprocess.Popen(
        ["/bin/sh", "-c", pager],
        stdin=subprocess.PIPE,
        env={"LESS": _LESS_OPTIONS, **environ},
        encoding=stream.encoding,
        errors="backslashreplace",
    )
    assert process.stdin is not None
    with _interrupts_left_to_pager():
        with suppress(BrokenPipeError):  # its user has seen enough
            for line in lines:
                process.stdin.write(f"{line}\n")
        with suppress(BrokenPipeError):
            process.stdin.close()
        return process.wait() not in _NOT_FOUND


@contextmanager
def _interrupts_left_to_pager() -> Iterator[None]:
    """Ctrl-C goes to all programs at the terminal, and means something else in each pager."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _print_one_screen(lines: Sequence[str], stream: TextIO) -> None:
    # Two rows are for what is said at the end, and one for the shell's prompt.
    room, columns = shutil.get_terminal_size().lines - 3, _columns()
    shown = 0
    for line in lines:
        room -= _rows([line], columns)
        if room < 0 and shown:
            break
        shown += 1
    _print(lines[:shown], stream)
    if left := len(lines) - shown:
        print(
            f"... and {left:,} more lines; set PAGER=less in the environment to see them, or send "
            "them to a file.",
            file=stream,
        )


def _print(lines: Sequence[str], stream: TextIO) -> None:
    for line in lines:
        print(line, file=stream)
    stream.flush()
