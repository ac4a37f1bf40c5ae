"""What may stand where somebody types."""

from __future__ import annotations

import pytest

from p2pfs.commands import PEER_COMMANDS, Definition, Definitions, Kind, Parameter, expected

COMMANDS = Definitions(
    [
        Definition(
            "fetch",
            "Fetch.",
            [
                Parameter("name", "", Kind.NAME, repeated=True),
                Parameter("path", "", Kind.PATH, optional=True),
            ],
        ),
        Definition(
            "send",
            "Send.",
            [Parameter("path", "", Kind.PATH), Parameter("how", "", choices=["fast", "slow"])],
        ),
    ]
)


def test_the_first_word_is_a_command() -> None:
    """With what it does."""
    assert expected(PEER_COMMANDS, [], "x").words["why"] == PEER_COMMANDS["why"].summary
    assert not expected(PEER_COMMANDS, ["no-such"], "").words
    assert "publish" in expected(PEER_COMMANDS, ["help"], "").words


@pytest.mark.parametrize(
    ("line", "kinds", "words"),
    [
        ("fetch", [Kind.NAME], []),
        ("fetch a", [Kind.NAME, Kind.PATH], []),
        ("fetch a b c", [Kind.NAME, Kind.PATH], []),
        ("send", [Kind.PATH], []),
        ("send x", [Kind.TEXT], ["fast", "slow"]),
        ("send x fast", [], []),
    ],
)
def test_values_by_their_place(line: str, kinds: list[Kind], words: list[str]) -> None:
    """Behind one that is repeated, it may be one more, or what comes next."""
    found = expected(COMMANDS, line.split(), "")
    assert (list(found.kinds), list(found.words)) == (kinds, words)


def test_options() -> None:
    """Those that are not given yet, and their values in either form; none behind two dashes."""
    line = ["list_files", "--long", "--sort", "size"]
    assert list(expected(PEER_COMMANDS, line, "--").words) == ["--most", "--after", "--help"]
    assert list(expected(PEER_COMMANDS, line, "").kinds) == [Kind.NAME]
    assert list(expected(PEER_COMMANDS, line[:3], "s").words) == ["name", "size", "new"]
    assert list(expected(PEER_COMMANDS, ["list_files", "--after"], "").kinds) == [Kind.NAME]
    found = expected(PEER_COMMANDS, line[:1], "--sort=s")
    assert (found.head, list(found.words)) == ("--sort=", ["name", "size", "new"])
    assert not expected(PEER_COMMANDS, line[:1], "--nothing=s").words
    assert list(expected(PEER_COMMANDS, ["list_files", "--"], "--").kinds) == [Kind.NAME]
