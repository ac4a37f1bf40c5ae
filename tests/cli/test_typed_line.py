"""A command line as far as it is typed."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pfs.cli.typed_line import remainder, typed, word_start

BREAKS = " \t\n\"'><=;|&(:"


@pytest.mark.parametrize(
    ("line", "words", "current", "quote"),
    [
        ("", [], "", ""),
        ("a b", ["a"], "b", ""),
        ("a  b ", ["a", "b"], "", ""),
        ("a 'b c", ["a"], "b c", "'"),
        ('a "b \\" c', ["a"], 'b " c', '"'),
        ("a b\\ c", ["a"], "b c", ""),
        ("a 'b'\"c\"d ", ["a", "bcd"], "", ""),
        ("a '' b", ["a", ""], "b", ""),
        ("a b\\", ["a"], "b", ""),
        ('a "b\\n', ["a"], "b\\n", '"'),
    ],
)
def test_words(line: str, words: list[str], current: str, quote: str) -> None:
    """As a shell takes them apart, with what is not ended yet."""
    found = typed(line)
    assert (list(found.words), found.current, found.quote) == (words, current, quote)


@given(st.text("ab '\"\\:=~$!*(é", max_size=8), st.integers(0, 8), st.sampled_from(["", "'", '"']))
def test_what_is_completed_is_read_as_the_word(word: str, typed_count: int, quote: str) -> None:
    """Whatever is in it, and however far it was typed, in quotes or without."""
    beginning = word[:typed_count]
    if quote == "'" and "'" in beginning:
        return
    escaped = beginning.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    raw = {
        "": "".join(f"\\{c}" if not c.isalnum() else c for c in beginning),
        "'": f"'{beginning}",
        '"': f'"{escaped}',
    }[quote]
    line = typed(f"p2pfs why {raw}")
    assert line.current == beginning
    start = word_start(line.raw, BREAKS)
    whole = line.raw[:start] + remainder(line, start, word) + line.quote
    if quote == '"' and "$" in word:
        return  # of which the module shlex makes something else than shells do
    assert shlex.split(whole) == ([word] if word or quote else [])


def test_bash_takes_words_apart_at_more_than_spaces() -> None:
    """Only what is behind that is replaced."""
    line = typed("p2pfs why a:b\\ c=d")
    start = word_start(line.raw, BREAKS)
    assert line.raw[start:] == "d"
    assert remainder(line, start, "a:b c=d e") == "d\\ e"
    assert word_start("a\\:b", BREAKS) == 0
    assert word_start("'a:b'c", BREAKS) == 0
    assert word_start("'a:b", BREAKS) == 1
