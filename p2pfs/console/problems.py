"""From a failed command to the one sentence its user reads."""

from __future__ import annotations

from typing import NamedTuple

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.errors import Cancelled, P2pfsError, UsageProblem
from p2pfs.printable import printable


class Problem(NamedTuple):
    """Why a command failed: the name of the error's class, and a sentence."""

    kind: str
    sentence: str

    @property
    def exit_status(self) -> int:
        """The status a program ends with for this: 2 for a usage problem, otherwise 1."""
        return 2 if self.kind == UsageProblem.__name__ else 1


def problem_of(failure: Failure, command: str, log: Logger) -> Problem:
    """What to tell the user of ``command`` about a failure.

    A failure that p2pfs did not raise on purpose is logged with its traceback;
    the user gets a sentence that points to the log.
    """
    error = failure.value
    if isinstance(error, P2pfsError):
        sentence = printable(" ".join(str(error).split()))
        return Problem(type(error).__name__, sentence or type(error).__name__)
    if isinstance(error, CancelledError):
        return Problem(Cancelled.__name__, f"'{command}' was cancelled.")
    log.failure("The command {command} failed unexpectedly", failure, command=command)
    return Problem(
        "InternalError",
        f"An internal error ended '{command}'; the daemon's log has the details.",
    )
