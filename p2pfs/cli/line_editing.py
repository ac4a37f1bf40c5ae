"""History and Tab completion for the prompt, by way of the ``readline`` module.

Importing this fails with ImportError where Python has no ``readline``.
"""

from __future__ import annotations

import readline
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HISTORY_NAME = "console_history"
HISTORY_LENGTH = 1000


@contextmanager
def line_editing(state: Path, candidates: Callable[[str, str], list[str]]) -> Iterator[None]:
    """Edit lines with history and completion while the context lasts.

    ``state`` is the directory that keeps the history. ``candidates`` is given
    the word before the cursor and the line before that word, and returns what
    the word may become. A history that cannot be read or kept costs one line
    on stderr and nothing else.
    """
    history = state / HISTORY_NAME
    try:
        readline.read_history_file(history)
    except FileNotFoundError:
        readline.clear_history()
    except OSError as error:
        _complain(history, error)
    readline.set_history_length(HISTORY_LENGTH)

    def complete(word: str, number: int) -> str | None:
        before = readline.get_line_buffer()[: readline.get_begidx()]
        found = candidates(word, before)
        return found[number] if number < len(found) else None

    readline.set_completer(complete)
    readline.set_completer_delims(" \t\n")
    # macOS has libedit under the name of readline, with other key bindings.
    is_libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if is_libedit else "tab: complete")
    try:
        yield
    finally:
        readline.set_completer(None)
        try:
            readline.write_history_file(history)
        except OSError as error:
            _complain(history, error)


def _complain(history: Path, error: OSError) -> None:
    reason = error.strerror or str(error)
    print(f"The history {history} cannot be used ({reason}).", file=sys.stderr)
