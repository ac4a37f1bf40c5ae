"""Words become calls, or a sentence that says how they could."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from p2pfs.console.command import Answer, Command, CommandSet, Progress
from p2pfs.errors import UsageProblem
from tests.console.toy import Toy


@pytest.fixture
def commands() -> CommandSet:
    """Some commands; ``copy`` takes a source, perhaps a target, and a flag."""
    return Toy().commands


def test_words_are_split_as_in_a_shell(commands: CommandSet) -> None:
    """With quotes, and flags anywhere before a double dash, behind which all are arguments."""
    call = commands.parse_line("copy --over-write 'two words' a")
    assert (call.command.name, call.flags) == ("copy", {"over-write"})
    assert call.arguments == {"source": "two words", "target": "a"}
    call = commands.parse_line("copy a -- --over-write")
    assert (call["target"], call.flags) == ("--over-write", frozenset())
    assert commands.parse(["copy", "-"])["source"] == "-"


def test_what_is_optional_may_be_left_out(commands: CommandSet) -> None:
    """It is none then, and not the empty string."""
    call = commands.parse_line("copy a")
    assert call.get("target") is None
    assert commands.parse_line("copy a ''").get("target") == ""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "'help' lists them"),
        ("nonsense", "no command 'nonsense'"),
        ("copy", "usage: copy <source> [target] [--over-write]"),
        ("copy a b c", "usage: copy"),
        ("copy a --what", "has no option --what; usage: copy"),
        ("copy --over-write=1 a", "has no option"),
        ("copy 'a", "check its quotes"),
    ],
)
def test_what_cannot_be_a_call_is_said_with_the_usage(
    commands: CommandSet, line: str, words: str
) -> None:
    """Before anything is begun."""
    with pytest.raises(UsageProblem) as caught:
        commands.parse_line(line)
    assert words in str(caught.value)


def run(commands: CommandSet, line: str) -> Answer:
    """The answer of a command that waits for nothing."""
    answers: list[Answer] = []
    commands.run(commands.parse_line(line), lambda _: None).addCallback(answers.append)
    return answers[0]


def test_help_says_what_there_is(commands: CommandSet) -> None:
    """All commands, itself among them, sorted; of one of them, each argument and flag."""
    everything = run(commands, "help")
    assert sorted(everything.data) == commands.names
    assert "help" in commands.names
    assert [line.split()[0] for line in everything.lines] == commands.names
    one = run(commands, "help copy")
    assert one.data == {"usage": commands["copy"].usage, "help": "Name two files."}
    assert [line.split()[0] for line in one.lines[-3:]] == ["source", "target", "--over-write"]
    with pytest.raises(UsageProblem):
        commands.bind(commands["help"], ["a", "b"])


def test_a_call_that_is_cancelled_stops_its_work() -> None:
    """The work is told where it waits."""
    toy = Toy()
    running = toy.commands.run(toy.commands.parse_line("slow"), lambda _: None)
    assert toy.cancelled.count == 0
    failed: list[Any] = []
    running.addErrback(lambda failure: failed.append(failure.type))
    running.cancel()
    assert toy.cancelled.count == 1
    assert failed == [CancelledError]


def test_what_others_chose_cannot_upset_a_terminal() -> None:
    """Neither in an answer's lines nor in progress; data for scripts stay as they are."""
    answer = Answer("\x1b[2J", ["\x1b[2J", "a\nb"])
    assert answer.data == "\x1b[2J"
    assert all(line.isprintable() for line in answer.lines)
    progress = Progress("\x1b]0;x\x07", 1, 2, "\r")
    assert (progress.label + progress.note).isprintable()


def test_each_command_says_how_it_is_used() -> None:
    """What must be given in angle brackets, what may be in square ones."""

    async def work(*_: Any) -> Answer:
        return await Deferred[Answer]()

    assert Command("plain", "Do it.", work).usage == "plain"
    assert Command("plain", "Do it.", work).help_lines() == ["usage: plain", "", "Do it."]
