"""Which names a list is asked for."""

from __future__ import annotations

import time
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pfs.errors import UsageProblem
from p2pfs.name_pattern import LONGEST, NamePattern


@pytest.mark.parametrize(
    ("text", "beginning", "fits", "does_not"),
    [
        ("", "", ["a", "b/c"], []),
        ("dir/", "dir/", ["dir/a", "dir/b/c"], ["dir", "a/dir/"]),
        ("*.iso", "", ["a.iso", "dir/a.iso"], ["a.ISO", "a.iso.txt"]),
        ("dir/a?c", "dir/a", ["dir/abc", "dir/a/c"], ["dir/ac", "dir/abcd"]),
        ("v[0-9].tar", "v", ["v1.tar"], ["vx.tar", "v10.tar"]),
        ("v[!0-9]*", "v", ["vx", "vxyz"], ["v1x", "v"]),
        ("a[b", "a[b", ["a[b", "a[bc"], ["ab"]),
        ("a[]b]c", "a", ["a]c", "abc"], ["a[]b]c"]),
        ("a[!]*", "a[!]", ["a[!]", "a[!]x"], ["ax"]),
    ],
)
def test_patterns(text: str, beginning: str, fits: list[str], does_not: list[str]) -> None:
    """As in a shell, but for "/", which is a character as any other."""
    pattern = NamePattern(text)
    assert pattern.beginning == beginning
    assert [name for name in fits if not pattern.matches(name)] == []
    assert [name for name in does_not if pattern.matches(name)] == []


def test_for_one_name_a_pattern_without_a_wildcard_is_that_name() -> None:
    """Where it is not how names begin: what a member may publish, for instance."""
    assert NamePattern("dir/a").is_name("dir/a")
    assert not NamePattern("dir/a").is_name("dir/ab")
    assert not NamePattern("dir/").is_name("dir/a")
    assert not NamePattern("").is_name("a")
    assert NamePattern("dir/*").is_name("dir/a/b")
    assert not NamePattern("dir/*").is_name("dir")


@given(st.text("ab/[]!-*?", max_size=8), st.text("ab/[]!-*?", max_size=8))
def test_a_pattern_fits_as_in_fnmatch_and_all_that_fits_begins_so(text: str, name: str) -> None:
    """The tracker is asked for the beginning only: nothing that fits may begin otherwise."""
    pattern = NamePattern(text)
    if pattern.matches(name):
        assert name.startswith(pattern.beginning)
    if pattern.beginning == text:
        assert pattern.matches(name) == name.startswith(text)
    else:
        assert pattern.matches(name) == fnmatchcase(name, text)


def test_no_pattern_takes_long() -> None:
    """Each star would try all places again for each of the others, if it were let."""
    name = "a" * 1024
    for text in ("*a" * 127 + "*b", "*" + "a" * 200 + "b", "*?" * 120 + "b", "[!b]*" * 50 + "b"):
        began = time.process_time()
        assert not NamePattern(text).matches(name)
        assert time.process_time() - began < 0.5


def test_a_pattern_has_a_bound_and_a_beginning_has_none() -> None:
    """What a long one costs is paid for each name."""
    assert NamePattern("a" * 1000).matches("a" * 1001)
    NamePattern("*" * LONGEST)
    with pytest.raises(UsageProblem, match="257 characters"):
        NamePattern("*" * LONGEST + "a")


def test_in_words() -> None:
    """What is said when there is no such name."""
    assert str(NamePattern("")) == ""
    assert str(NamePattern("x/")) == " beginning with 'x/'"
    assert str(NamePattern("*x")) == " that fits '*x'"
