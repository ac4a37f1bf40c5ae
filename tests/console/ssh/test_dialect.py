"""The two languages of the manhole: console commands, and Python that can call them."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest
from twisted.internet.defer import succeed
from twisted.python.failure import Failure

from p2pfs.commands import Call
from p2pfs.console.command import Answer
from p2pfs.console.problems import Problem
from p2pfs.console.ssh.dialect import (
    command_functions,
    common_prefix,
    completions,
    is_command_line,
)
from p2pfs.console.ssh.outcome import Outcome
from p2pfs.errors import UsageProblem
from tests.console.toy_commands import TOY_COMMANDS


@pytest.mark.parametrize(
    ("line", "is_command"),
    [
        ("echo", True),
        ("  echo  ", True),
        ("echo /data/x.iso", True),
        ("echo ./x.iso --loud", True),
        ("echo 'two words'", True),
        ("echo -1", True),
        ("echo [1].iso", True),
        ("echo (a b).iso", True),
        ("echo .", True),
        ("help echo", True),
        ('echo("x")', False),
        ('echo ("x")', False),
        ("echo = 3", False),
        ("echo += 3", False),
        ("echo == 3", False),
        ("echo > 3", False),
        ("echo : int = 3", False),
        ("echo.x", False),
        ("x = 1", False),
        ("service.foo()", False),
        ("for x in y:", False),
        ("", False),
        ("echoes", False),
    ],
)
def test_language(line: str, is_command: bool) -> None:
    """A line is taken for what its writer meant."""
    assert is_command_line(line, TOY_COMMANDS, {}) is is_command


def test_rebound_name() -> None:
    """A command's name that the user gave another value is Python's when it stands alone."""
    commands = TOY_COMMANDS
    assert not is_command_line("echo", commands, {"echo": 3})
    assert is_command_line("echo x", commands, {"echo": 3})


def test_python_calls() -> None:
    """Python calls become the same calls as command lines do."""
    calls: list[Call] = []

    def start(name: str, make: Any) -> Outcome:
        calls.append(make())
        assert calls[-1].command.name == name
        return Outcome(name, succeed(Answer()), problem_of)

    def problem_of(failure: Failure) -> Problem:
        raise AssertionError(failure)

    functions = command_functions(TOY_COMMANDS, start)
    functions["copy"]("a", PurePosixPath("/b"), over_write=True)
    functions["copy"](source="a", target="/b", over_write=False)
    functions["copy"]("a", target="/b")
    functions["echo"](5)
    assert [dict(call.arguments) for call in calls[:3]] == [{"source": "a", "target": "/b"}] * 3
    assert [dict(call.options) for call in calls[:3]] == [{"over-write": ""}, {}, {}]
    assert calls[3]["text"] == "5"
    assert "usage: copy" in functions["copy"].__doc__
    assert "copy SOURCE" in repr(functions["copy"])
    for values, keywords in (
        ((), {}),
        ((1, 2, 3), {}),
        (("a",), {"source": "a"}),
        (("a",), {"nonsense": True}),
        ((), {"target": "/b"}),
    ):
        with pytest.raises(UsageProblem):
            functions["copy"](*values, **keywords)


def test_completions() -> None:
    """Commands complete at the start and behind help, Python names everywhere."""
    commands = TOY_COMMANDS
    namespace = {"service": "text", "__secret__": 1}
    assert completions("e", commands, namespace) == ("e", ["echo", "exit"])
    assert completions("help ec", commands, namespace) == ("ec", ["echo"])
    assert completions("ser", commands, namespace) == ("ser", ["service"])
    assert completions("x = ser", commands, namespace) == ("ser", ["service"])
    assert "service.upper" in completions("print(service.up", commands, namespace)[1]
    assert completions("nothing.x", commands, namespace) == ("nothing.x", [])
    assert common_prefix(["echo", "exit"]) == "e"
    assert common_prefix(["echo"]) == "echo"
    assert common_prefix([]) == ""
