"""The interactive prompt of the ``p2pfs`` program."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from p2pfs.cli.client import connect
from p2pfs.cli.invocation import invoke
from p2pfs.errors import P2pfsError, UsageProblem

LEAVE = "quit"
SHUT_DOWN = "exit"


def run_shell(state: Path, role: str) -> int:
    """Read and run commands until the user leaves; returns the exit status.

    ``state`` is the daemon's state directory, which also keeps the history;
    ``role`` is "peer" or "tracker". Raises `P2pfsError` when no daemon answers
    to begin with.
    """
    with connect(state, role) as client:
        names = client.complete()
    shell = Shell(state, role)
    with _line_editing(state, candidates_among(names)):
        shell.loop()
    return 0


class Shell:
    """The prompt itself.

    Every command gets a connection of its own, so that a daemon that was
    restarted meanwhile is met like any other, and closing the connection of an
    interrupted command cancels nothing else.
    """

    def __init__(self, state: Path, role: str) -> None:
        """``state`` and ``role`` say which daemon to talk to."""
        self._state = state
        self._role = role

    def loop(self) -> None:
        """Prompt for lines until Ctrl-D, ``quit`` or ``exit``."""
        interactive = sys.stdin.isatty()
        if interactive:
            print(
                f"The console of the p2pfs {self._role}. 'help' lists the commands; Ctrl-D or "
                f"'{LEAVE}' leaves this prompt, '{SHUT_DOWN}' shuts the {self._role} down."
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
        words: list[str] = []
        try:
            words = _split(line)
            if words and words != [LEAVE]:
                self._run(words)
        except KeyboardInterrupt:
            print(f"\n'{words[0]}' was cancelled." if words else "")
            return False
        except P2pfsError as error:
            print(error, flush=True)
            return False
        return words in ([LEAVE], [SHUT_DOWN])

    def _run(self, words: list[str]) -> None:
        with connect(self._state, self._role) as client:
            answer = invoke(client, words)
        for text in answer.lines:
            print(text)
        sys.stdout.flush()


Candidates = Callable[[str, str], list[str]]


def candidates_among(names: list[str]) -> Candidates:
    """A function of a word and the line before it: the command names the word may become."""

    def candidates(word: str, before: str) -> list[str]:
        choices = {
            "": [*names, LEAVE],
            "help": names,
        }.get(before.strip(), [])
        return [f"{name} " for name in sorted(set(choices)) if name.startswith(word)]

    return candidates


def _line_editing(state: Path, candidates: Candidates) -> AbstractContextManager[None]:
    try:
        from p2pfs.cli.line_editing import line_editing
    except ImportError:
        # Some Pythons are built without readline; the prompt works without it.
        return nullcontext()
    return line_editing(state, candidates)


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageProblem(f"The line cannot be read ({error}); check its quotes.") from None
