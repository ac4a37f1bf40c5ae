"""What goes wrong on purpose has one base, and a name by which every surface knows it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections import Counter
from collections.abc import Iterator

import pytest
from twisted.logger import Logger
from twisted.python.failure import Failure

import p2pfs
from p2pfs import errors
from p2pfs.console.problems import problem_of
from p2pfs.errors import P2pfsError
from tests.conftest import LoggedFailures


def own_exceptions() -> Iterator[type[BaseException]]:
    """Every class of exceptions that a module of p2pfs defines."""
    for found in pkgutil.walk_packages(p2pfs.__path__, "p2pfs."):
        module = importlib.import_module(found.name)
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, BaseException) and kind.__module__ == module.__name__:
                yield kind


def test_all_errors_have_one_base() -> None:
    """Any other would reach the user as an internal error, and the log as a defect."""
    kinds = list(own_exceptions())
    assert len(kinds) > 20
    assert [kind for kind in kinds if not issubclass(kind, P2pfsError)] == []


def test_each_name_is_one_error() -> None:
    """It is what JSON output says, and all that comes over the control socket."""
    names = Counter(kind.__name__ for kind in own_exceptions())
    assert [name for name, count in names.items() if count > 1] == []


def test_a_subclass_is_for_those_who_need_not_tell_it_apart() -> None:
    """Who handles what a disk refuses also handles a lack of memory for it."""
    assert issubclass(errors.OutOfResources, errors.StorageProblem)


@pytest.mark.parametrize(
    ("error", "is_told"), [(errors.NotFound("It is not there."), True), (KeyError("x"), False)]
)
def test_a_user_reads_the_text_of_these_and_of_no_others(
    error: Exception, is_told: bool, logged_failures: LoggedFailures
) -> None:
    """Never a traceback: that is for the log, and only of defects."""
    problem = problem_of(Failure(error), "show", Logger())
    assert (problem.sentence == "It is not there.") == is_told
    assert (problem.kind == "NotFound") == is_told
    assert len(logged_failures.flush()) == (0 if is_told else 1)
