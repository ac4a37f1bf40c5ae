"""History and Tab completion for the prompt, by way of the ``readline`` module.

Importing this fails with ImportError where Python has no ``readline``.
"""

from __future__ import annotations

import os
import readline
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from p2pfs.errors import StartupProblem
from p2pfs.paths import own_state_directory

HISTORY_NAME = "console_history"
HISTORY_LENGTH = 1000


def history_file(state: Path, environ: Mapping[str, str]) -> Path | None:
    """Where the history is kept of a prompt whose daemon has that state directory.

    That is in the directory, or in one of the user's own when that is another's; None when
    there is no home directory for it.
    """
    try:
        if state.stat().st_uid == os.geteuid():
            return state / HISTORY_NAME
        own = own_state_directory(environ)
        own.mkdir(parents=True, exist_ok=True, mode=0o700)
    except (OSError, StartupProblem):
        return None
    return own / HISTORY_NAME


@contextmanager
def line_editing(
    history: Path | None, candidates: Callable[[str, str], list[str]]
) -> Iterator[None]:
    """Edit lines with history and completion while the context lasts.

    ``history`` is the file that keeps what is typed, if any does. ``candidates`` is given
    the word before the cursor and the line before that word, and returns what
    the word may become. A history that cannot be read or kept costs one line
    on stderr and nothing else.
    """
    readline.clear_history()
    try:
        if history is not None:
            readline.read_history_file(history)
    except FileNotFoundError:
        pass  # as at the first time
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
            if history is not None:
                readline.write_history_file(history)
        except OSError as error:
            _complain(history, error)


def _complain(history: Path | None, error: OSError) -> None:
    reason = error.strerror or str(error)
    print(f"The history {history} cannot be used ({reason}).", file=sys.stderr)
