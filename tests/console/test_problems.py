"""From a failed command to the one sentence its user reads."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.console.problems import Problem, problem_of
from p2pfs.errors import NotFound, P2pfsError, UsageProblem
from tests.conftest import LoggedFailures

LOG = Logger()


@pytest.mark.parametrize(
    ("error", "problem", "status"),
    [
        (NotFound("It is not there."), Problem("NotFound", "It is not there."), 1),
        (UsageProblem("usage: x"), Problem("UsageProblem", "usage: x"), 2),
        (NotFound("two\n  lines"), Problem("NotFound", "two lines"), 1),
        (NotFound(""), Problem("NotFound", "NotFound"), 1),
        (CancelledError(), Problem("Cancelled", "'fetch' was cancelled."), 1),
    ],
)
def test_an_error_is_its_class_and_one_line(
    error: Exception, problem: Problem, status: int, logged_failures: LoggedFailures
) -> None:
    """Nothing is logged of what was to be expected, and the program's exit status tells."""
    found = problem_of(Failure(error), "fetch", LOG)
    assert (found, found.exit_status) == (problem, status)
    assert not logged_failures.events


def test_an_accident_is_logged_and_not_shown(logged_failures: LoggedFailures) -> None:
    """Its details may be private; the user is told where they are."""
    found = problem_of(Failure(ZeroDivisionError("a secret")), "fetch", LOG)
    assert found.kind == "InternalError"
    assert "secret" not in found.sentence
    assert "log" in found.sentence
    [event] = logged_failures.flush()
    assert event["log_failure"].check(ZeroDivisionError)


def test_what_others_chose_cannot_upset_a_terminal() -> None:
    """An error may quote a name from the network."""
    found = problem_of(Failure(P2pfsError("no file \x1b[2J")), "fetch", LOG)
    assert found.sentence.isprintable()
