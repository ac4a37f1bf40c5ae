"""The interactive prompt of the ``p2pfs`` program."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from p2pfs.cli.client import connect
from p2pfs.cli.completion import asking, candidates
from p2pfs.cli.invocation import Interrupted, call_of, invoke
from p2pfs.cli.local_paths import paths_beginning
from p2pfs.cli.pager import show
from p2pfs.cli.typed_line import remainder, typed
from p2pfs.commands import Definitions, split_line
from p2pfs.errors import P2pfsError

LEAVE = "quit"
SHUT_DOWN = ("exit", "shutdown")


def run_shell(state: Path, role: str, definitions: Definitions) -> int:
    """Read and run commands until the user leaves; returns the exit status.

    ``state`` is the daemon's state directory, which keeps the history if it is this user's;
    ``role`` is "peer" or "tracker". Raises `P2pfsError` when no daemon answers
    to begin with.
    """
    with connect(state, role):
        pass
    shell = Shell(state, role, definitions)
    with _line_editing(state, completing(state, role, definitions)):
        shell.loop()
    return 0


class Shell:
    """The prompt itself.

    Every command gets a connection of its own, so that a daemon that was
    restarted meanwhile is met like any other, and closing the connection of an
    interrupted command cancels nothing else.
    """

    def __init__(self, state: Path, role: str, definitions: Definitions) -> None:
        """``state`` and ``role`` say which daemon to talk to, ``definitions`` what it can do."""
        self._state = state
        self._role = role
        self._definitions = definitions

    def loop(self) -> None:
        """Prompt for lines until Ctrl-D, ``quit`` or ``exit``."""
        interactive = sys.stdin.isatty()
        if interactive:
            print(
                f"The console of the p2pfs {self._role}. 'help' lists the commands; Ctrl-D or "
                f"'{LEAVE}' leaves this prompt, '{SHUT_DOWN[0]}' shuts the {self._role} down."
            )
        prompt = f"{self._role}> " if interactive else ""
        while True:
            try:
                line = input(prompt)
            except EOFError:
                if interactive:
                    print()
                return
            except KeyboardInterrupt:
                print()
                continue
            if self.handle(line):
                return

    def handle(self, line: str) -> bool:
        """Run a line and show what comes of it; returns whether it was the last one."""
        try:
            words = split_line(line)
            if not words:
                return False
            return words == [LEAVE] or self._run(words)
        except KeyboardInterrupt:
            print()
        except P2pfsError as error:
            print(f"\n{error}" if isinstance(error, Interrupted) else error, flush=True)
        return False

    def _run(self, words: list[str]) -> bool:
        """Run a command; returns whether it has shut the daemon down."""
        call = call_of(self._definitions, words)
        answer = invoke(self._state, self._role, self._definitions, call)
        show(answer.lines, sys.stdout)
        return call.command.name in SHUT_DOWN


Complete = Callable[[str, str], list[str]]


def completing(state: Path, role: str, definitions: Definitions) -> Complete:
    """A function of a line's end and what is before it: what that end may become.

    What is whole then has a space behind it; names with spaces and the like are quoted.
    """

    def complete(end: str, before: str) -> list[str]:
        line = typed(before + end)
        ask = asking(lambda: state, role)
        found = candidates(definitions, ask, line.words, line.current)
        words = {*found.words, *([] if line.words else [LEAVE])}
        if found.paths:
            words.update(paths_beginning(line.current))
        start = len(line.raw) - len(end)
        return [
            remainder(line, start, word) + ("" if word.endswith("/") else f"{line.quote} ")
            for word in sorted(words)
            if word.startswith(line.current)
        ]

    return complete


def _line_editing(state: Path, complete: Complete) -> AbstractContextManager[None]:
    try:
        from p2pfs.cli.line_editing import history_file, line_editing
    except ImportError:
        # Some Pythons are built without readline; the prompt works without it.
        return nullcontext()
    return line_editing(history_file(state, os.environ), complete)
