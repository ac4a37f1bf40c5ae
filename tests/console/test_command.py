"""Calls are run, and answered in what a terminal bears."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from p2pfs.commands import Call, Caller, Definition, Definitions
from p2pfs.console.command import Answer, CommandSet, Progress
from p2pfs.errors import UsageProblem
from tests.console.toy import Toy


def run(commands: CommandSet, line: str) -> Answer:
    """The answer of a command that waits for nothing."""
    answers: list[Answer] = []
    call = commands.definitions.parse_line(line)
    commands.run(call, lambda _: None).addCallback(answers.append)
    return answers[0]


def test_help_is_a_command_of_each_daemon() -> None:
    """It answers as the definitions do, for people and for scripts."""
    commands = Toy().commands
    everything = run(commands, "help")
    assert sorted(everything.data) == commands.definitions.names
    assert list(everything.lines) == commands.definitions.help_lines()
    one = run(commands, "help copy")
    assert one.data == commands.definitions.help_data("copy")
    assert list(one.lines) == commands.definitions.help_lines("copy")
    failed: list[Any] = []
    call = commands.definitions.parse_line("help nonsense")
    commands.run(call, lambda _: None).addErrback(lambda failure: failed.append(failure.type))
    assert failed == [UsageProblem]


def test_what_is_for_the_owner_is_refused_to_guests() -> None:
    """Before it is begun, and help says so."""
    definition = Definition("halt", "Stop.", owner_only=True)
    done: list[Call] = []

    async def halt(call: Call, report: Any) -> Answer:
        done.append(call)
        return Answer()

    commands = CommandSet(Definitions([definition]), {"halt": halt})
    failed: list[str] = []
    guest = Caller("alice (uid 1000)", 1000, 1000, is_guest=True)
    for caller in (guest, Caller("root (uid 0)", 0, 0)):
        running = commands.run(commands.definitions.parse(["halt"]).by(caller), lambda _: None)
        running.addErrback(lambda failure: failed.append(failure.getErrorMessage()))
    assert len(done) == 1
    (sentence,) = failed
    assert sentence == (
        "Only root and the user that runs this daemon may use 'halt'; alice (uid 1000) may not."
    )
    assert "Only for root" in definition.help_lines()[-1]


def test_every_command_has_its_work_and_no_other() -> None:
    """What is defined and not done, or the reverse, is seen before anybody types it."""
    with pytest.raises(AssertionError):
        CommandSet(Definitions([Definition("plain", "Do it.")]), {})
    with pytest.raises(AssertionError):
        CommandSet(Definitions([]), {"plain": Toy().fail})


def test_a_call_that_is_cancelled_stops_its_work() -> None:
    """The work is told where it waits."""
    toy = Toy()
    running = toy.commands.run(toy.commands.definitions.parse_line("slow"), lambda _: None)
    assert toy.cancelled.count == 0
    failed: list[Any] = []
    running.addErrback(lambda failure: failed.append(failure.type))
    running.cancel()
    assert toy.cancelled.count == 1
    assert failed == [CancelledError]


def test_each_call_is_shown_with_what_comes_of_it() -> None:
    """To who writes the log, who may say by whom it was given."""
    seen: list[Any] = []

    def watch(call: Call, answer: Deferred[Answer]) -> Deferred[Answer]:
        seen.append((call.command.name, call.caller.who))
        return answer.addCallback(lambda _: Answer("watched"))

    commands = CommandSet(Definitions([]), {}, watch)
    assert run(commands, "help").data == "watched"
    assert run(commands.given_by(Caller("alice over SSH")), "help").data == "watched"
    assert run(commands, "help").data == "watched"
    assert seen == [("help", "somebody"), ("help", "alice over SSH"), ("help", "somebody")]


def test_what_others_chose_cannot_upset_a_terminal() -> None:
    """Neither in an answer's lines nor in progress; data for scripts stay as they are."""
    answer = Answer("\x1b[2J", ["\x1b[2J", "a\nb"])
    assert answer.data == "\x1b[2J"
    assert all(line.isprintable() for line in answer.lines)
    progress = Progress("\x1b]0;x\x07", 1, 2, "\r")
    assert (progress.label + progress.note).isprintable()
