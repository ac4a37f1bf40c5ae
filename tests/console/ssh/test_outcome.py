"""What a command called from Python comes to."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.logger import Logger

from p2pfs.console.command import Answer
from p2pfs.console.problems import problem_of
from p2pfs.console.ssh.outcome import NotKnownYet, Outcome
from p2pfs.errors import Cancelled, NotFound, P2pfsError
from tests.conftest import LoggedFailures

ANSWER = Answer([{"name": "a"}, {"name": "b"}], ["name", "a", "b"])


def outcome_of(running: Deferred[Answer]) -> Outcome:
    return Outcome("list", running, lambda failure: problem_of(failure, "list", Logger()))


def test_what_is_known_at_once_is_data() -> None:
    """It can be used in the same expression, and is looked at as a table."""
    files = outcome_of(succeed(ANSWER))
    assert [file["name"] for file in files] == ["a", "b"]
    assert (len(files), files[-1], bool(files)) == (2, {"name": "b"}, True)
    assert {"name": "a"} in files
    assert repr(files) == "name\na\nb"
    assert repr(outcome_of(succeed(Answer({"x": 1})))) == "{'x': 1}"


def test_what_is_not_known_yet_says_so() -> None:
    """Nothing blocks, and nothing is taken for empty."""
    running: Deferred[Answer] = Deferred()
    files = outcome_of(running)
    assert repr(files) == "<list: not known yet>"
    for use in (len, list, bool, lambda files: files[0], lambda files: "x" in files):
        with pytest.raises(NotKnownYet, match="has not answered yet"):
            use(files)
    assert not files.seen
    running.callback(ANSWER)
    assert len(files) == 2


def test_it_can_be_awaited() -> None:
    """By several, before the end and after; they get the data."""
    running: Deferred[Answer] = Deferred()
    files = outcome_of(running)

    async def count() -> int:
        return len(await files)

    counted = [Deferred.fromCoroutine(count()), files.when_known().addCallback(len)]
    results: list[int] = []
    for one in counted:
        one.addCallback(results.append)
    assert results == []
    running.callback(ANSWER)
    files.when_known().addCallback(len).addCallback(results.append)
    assert results == [2, 2, 2]


def test_a_failure_is_raised_where_the_data_is_used() -> None:
    """As what it is, and its sentence is what is shown."""
    files = outcome_of(fail(NotFound("There is none.")))
    assert (files.known, files.failed, files.seen) == (True, True, False)
    with pytest.raises(NotFound):
        len(files)
    assert files.seen
    assert repr(files) == "There is none."


def test_cancelling_it_cancels_the_command() -> None:
    """And that is what it came to."""
    files = outcome_of(Deferred())
    files.cancel()
    with pytest.raises(Cancelled, match="'list' was cancelled"):
        list(files)
    assert outcome_of(fail(CancelledError())).failed


def test_an_accident_is_logged_and_told_as_one(logged_failures: LoggedFailures) -> None:
    """Whoever uses the data learns that there is a log."""
    files = outcome_of(fail(ZeroDivisionError("a detail")))
    assert len(logged_failures.flush()) == 1
    with pytest.raises(P2pfsError, match="internal error"):
        len(files)
