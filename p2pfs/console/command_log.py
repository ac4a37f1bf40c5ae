"""What the log says of commands: who gave which, and what came of it."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from p2pfs.commands import Call
from p2pfs.console.command import Answer
from p2pfs.errors import Cancelled, LeftRunning, P2pfsError

MOST_CHARACTERS = 300
"""As much of a command is in the log."""

_log = Logger()

Watch: TypeAlias = Callable[[Call, Deferred[Answer]], Deferred[Answer]]
"""Is shown each call with what comes of it, which it hands back."""


def command_log(clock: IReactorTime) -> Watch:
    """Has each command in the log when it has ended, in one line.

    Commands that only tell something are there at debug.
    """

    def watch(call: Call, answer: Deferred[Answer]) -> Deferred[Answer]:
        say = partial(
            _log.emit,
            LogLevel.debug if call.command.only_tells else LogLevel.info,
            who=call.caller.who,
            command=call.command.name,
            words=_text(call),
        )
        began = clock.seconds()

        def done(answer: Answer) -> Answer:
            seconds = clock.seconds() - began
            say("{who} gave '{words}': done in {seconds:.1f} s.", seconds=seconds)
            return answer

        def failed(failure: Failure) -> Failure:
            seconds = clock.seconds() - began
            if failure.check(CancelledError, Cancelled):
                say("{who} gave '{words}': cancelled after {seconds:.1f} s.", seconds=seconds)
            elif failure.check(LeftRunning):
                say("{who} gave '{words}': left running after {seconds:.1f} s.", seconds=seconds)
            else:
                # Of a defect the traceback is there too; who shows the answer logs it.
                expected = failure.check(P2pfsError)
                reason = str(failure.value) if expected else "An internal error ended it."
                outcome = "failed after {seconds:.1f} s: {reason}"
                say(f"{{who}} gave '{{words}}': {outcome}", seconds=seconds, reason=reason)
            return failure

        return answer.addCallbacks(done, failed)

    return watch


def _text(call: Call) -> str:
    """The command as one would type it."""
    words = call.words()
    if "--" in words:
        words.remove("--")
    text = shlex.join(words)
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}..."
