"""What a person at a terminal is asked: before the daemon is shut down, and after Ctrl-C."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

Confirm = Callable[[str], bool]


def confirmed(question: str) -> bool:
    """Whether a person agrees; where nobody can be asked, that is taken for granted."""
    if not _is_terminal():
        return True
    try:
        return _asked(f"{question} [y/N] ") in ("y", "yes")
    except (EOFError, KeyboardInterrupt):
        print(file=sys.stderr)
        return False


def interrupted(names: Sequence[str], role: str) -> bool:
    """Whether Ctrl-C was meant to cancel what goes on in the daemon under these names.

    Without an answer it goes on: a second Ctrl-C leaves it running, as does a closed terminal,
    and where nobody can be asked it is not cancelled at all.
    """
    if not _is_terminal():
        return False
    what = f"'{names[0]}'" if len(names) == 1 else f"all {len(names)}"
    try:
        answer = _asked(f"\nLeave {what} running in the {role}, or cancel? [L/c] ")
    except (EOFError, KeyboardInterrupt):
        print(file=sys.stderr)
        return False
    return answer in ("c", "cancel")


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _asked(prompt: str) -> str:
    # Not `input`, whose prompt goes to stdout, which may be a file.
    print(prompt, end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.strip().lower()
