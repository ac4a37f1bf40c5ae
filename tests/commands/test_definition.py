"""What the help of a command says."""

from __future__ import annotations

from p2pfs.commands import Definition, Option, Parameter


def test_each_command_says_how_it_is_used() -> None:
    """What must be given as it is, what may be in square brackets."""
    plain = Definition("plain", "Do it.")
    assert plain.usage == "plain"
    assert plain.help_lines() == ["usage: plain", "", "Do it."]
    full = Definition(
        "full",
        "Do all of it.",
        [Parameter("name", "whose", repeated=True), Parameter("path", "where", optional=True)],
        [Option("sort", "by what", "key", ["name", "size"]), Option("long", "all of it")],
        ["It takes long."],
        ["whole"],
    )
    assert full.usage == "full NAME... [PATH] [--sort name|size] [--long]"
    assert full.help_lines() == [
        "usage: full NAME... [PATH] [--sort name|size] [--long]",
        "",
        "Do all of it.",
        "",
        "  NAME              whose",
        "  PATH              where",
        "  --sort name|size  by what",
        "  --long            all of it",
        "",
        "It takes long.",
        "",
        "Also called whole.",
    ]
