"""Words become calls, or a sentence that says how they could."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pfs.commands import (
    PEER_COMMANDS,
    TRACKER_COMMANDS,
    Caller,
    Definition,
    Definitions,
    Option,
    Parameter,
)
from p2pfs.errors import UsageProblem
from tests.console.toy_commands import TOY_COMMANDS


def test_words_are_split_as_in_a_shell() -> None:
    """With quotes, and flags anywhere before a double dash, behind which all are arguments."""
    call = TOY_COMMANDS.parse_line("copy --over-write 'two words' a")
    assert (call.command.name, call.options) == ("copy", {"over-write": ""})
    assert call.arguments == {"source": "two words", "target": "a"}
    call = TOY_COMMANDS.parse_line("copy a -- --over-write")
    assert (call["target"], call.options) == ("--over-write", {})
    assert TOY_COMMANDS.parse(["copy", "-"])["source"] == "-"


def test_what_is_optional_may_be_left_out() -> None:
    """It is none then, and not the empty string."""
    call = TOY_COMMANDS.parse_line("copy a")
    assert call.get("target") is None
    assert TOY_COMMANDS.parse_line("copy a ''").get("target") == ""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "'help' lists them"),
        ("nonsense", "no command 'nonsense'"),
        ("copy", "usage: copy SOURCE [TARGET] [--over-write]"),
        ("copy a b c", "usage: copy"),
        ("copy a --what", "has no option --what; usage: copy"),
        ("copy --over-write=1 a", "has no option"),
        ("copy 'a", "check its quotes"),
    ],
)
def test_what_cannot_be_a_call_is_said_with_the_usage(line: str, words: str) -> None:
    """Before anything is begun."""
    with pytest.raises(UsageProblem) as caught:
        TOY_COMMANDS.parse_line(line)
    assert words in str(caught.value)


MANY = Definitions(
    [
        Definition(
            "fetch",
            "Fetch.",
            [
                Parameter("name", "a name", repeated=True),
                Parameter("path", "a path", optional=True, default="."),
            ],
            [Option("sort", "by what", "key", ["name", "size"]), Option("after", "a name", "name")],
        ),
        Definition("end", "End.", [Parameter("name", "a name", repeated=True)]),
        Definition("turn", "Turn.", [Parameter("way", "where to", choices=["left", "right"])]),
    ]
)


@pytest.mark.parametrize(
    ("line", "names", "path"),
    [
        ("fetch a", ("a",), "."),
        ("fetch a /b", ("a",), "/b"),
        ("fetch a b c /d/", ("a", "b", "c"), "/d/"),
        ("fetch -- a --sort", ("a",), "--sort"),
    ],
)
def test_one_parameter_may_take_several_words(line: str, names: tuple[str, ...], path: str) -> None:
    """Those behind it have the last ones, or what they are by default."""
    call = MANY.parse_line(line)
    assert (call.repeated, call["path"]) == (names, path)


@pytest.mark.parametrize("line", ["fetch --sort size a", "fetch a --sort=size"])
def test_options_have_values(line: str) -> None:
    """In the next word, or behind an equals sign."""
    assert MANY.parse_line(line).options == {"sort": "size"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("fetch", "usage: fetch NAME... [PATH] [--sort name|size] [--after NAME]"),
        ("end", "usage: end NAME..."),
        ("fetch a --sort", "--sort needs name or size"),
        ("fetch a --sort=", "--sort needs name or size"),
        ("fetch a --sort date", "--sort needs name or size"),
        ("fetch a --after", "--after needs a value: NAME"),
        ("turn up", "'up' is no way; write left or right"),
    ],
)
def test_values_that_cannot_be_are_said_with_those_that_can(line: str, words: str) -> None:
    """Before anything is begun."""
    with pytest.raises(UsageProblem) as caught:
        MANY.parse_line(line)
    assert words in str(caught.value)


def test_a_call_is_written_as_words_that_mean_the_same() -> None:
    """So that it may be sent on, whatever its words look like."""
    for line in ("fetch a", "fetch --sort size -- --a '' '/b c'", "end a b", "turn left", "help"):
        call = MANY.parse_line(line)
        assert MANY.parse(call.words()) == call


@given(st.lists(st.text(max_size=5), max_size=5))
def test_no_words_upset_the_parser(words: list[str]) -> None:
    """They are a call, or the user's mistake."""
    for definitions in (PEER_COMMANDS, TRACKER_COMMANDS, MANY):
        for command in definitions:
            try:
                call = definitions.parse([command.name, *words])
            except UsageProblem:
                continue
            assert definitions.parse(call.words()) == call


def test_who_gave_a_command_goes_with_it() -> None:
    """For the log, and for whose files are written."""
    caller = Caller("alice (uid 1000)", 1000, 1000)
    assert MANY.parse_line("turn left").by(caller).caller is caller


def test_aliases_are_the_same_command() -> None:
    """They are found, and listed once."""
    assert PEER_COMMANDS["list_file"] is PEER_COMMANDS["list_files"]
    assert "list_file" in PEER_COMMANDS
    assert "list_file" not in PEER_COMMANDS.names


def test_help_says_what_there_is() -> None:
    """All commands, itself among them, sorted; of one of them, each argument and option."""
    assert "help" in TOY_COMMANDS.names
    assert [line.split()[0] for line in TOY_COMMANDS.help_lines()] == TOY_COMMANDS.names
    assert sorted(TOY_COMMANDS.help_data()) == TOY_COMMANDS.names
    lines = TOY_COMMANDS.help_lines("copy")
    assert lines[0] == "usage: copy SOURCE [TARGET] [--over-write]"
    assert [line.split()[0] for line in lines[-3:]] == ["SOURCE", "TARGET", "--over-write"]
    assert TOY_COMMANDS.help_data("copy") == {
        "usage": TOY_COMMANDS["copy"].usage,
        "help": "Name two files.",
    }
    with pytest.raises(UsageProblem):
        TOY_COMMANDS.help_lines("nonsense")
