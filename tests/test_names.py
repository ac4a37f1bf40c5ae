"""The validator of file names on the network."""

from __future__ import annotations

import os.path
import unicodedata
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pfs.errors import InvalidName
from p2pfs.names import MAX_FILENAME_BYTES, check_filename, check_prefix, filename_from_path


@pytest.mark.parametrize(
    "name",
    ["a", "a/b/c.txt", ".hidden", "..a/b..", "...", "two words", "\u00e9/\u65e5\u672c", "a:b", "~"],
)
def test_a_plain_relative_name_passes_unchanged(name: str) -> None:
    """Names that look odd and are harmless are not refused."""
    assert check_filename(name) == name


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        ("/etc/passwd", "begins with"),
        ("..", "part"),
        ("a/../b", "part"),
        ("./a", "part"),
        ("a/.", "part"),
        ("a//b", "part"),
        ("a/", "part"),
        ("a\\b", "backslash"),
        ("a\nb", "control"),
        ("a\x00b", "control"),
        ("a\x7fb", "control"),
        ("a\x9bb", "control"),
        ("e\u0301", "NFC"),
        ("a\ud800", "valid Unicode"),
    ],
)
def test_a_name_that_could_do_harm_is_refused_with_the_reason(name: str, reason: str) -> None:
    """Nothing climbs out of a directory, upsets a terminal or has two spellings."""
    with pytest.raises(InvalidName, match=reason):
        check_filename(name)


@pytest.mark.parametrize(("character", "size"), [("a", 1), ("\u00e9", 2), ("\U0001f600", 4)])
def test_the_limit_counts_bytes_of_utf8(character: str, size: int) -> None:
    """A name of 1024 bytes passes; one character more does not, however wide."""
    longest = character * (MAX_FILENAME_BYTES // size)
    assert check_filename(longest) == longest
    with pytest.raises(InvalidName, match="longer than 1024 bytes"):
        check_filename(longest + character)
    with pytest.raises(InvalidName, match="longer than 1024 bytes"):
        check_filename("a" * (MAX_FILENAME_BYTES % size + 1) + longest)


def test_the_error_is_short_and_printable() -> None:
    """A hostile name cannot flood or recolour the console through its own error."""
    with pytest.raises(InvalidName) as caught:
        check_filename("\x1b[31m" * 100_000)
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


@given(st.text(st.characters() | st.sampled_from("/.\\\0"), max_size=12))
def test_an_accepted_name_stays_below_its_directory(name: str) -> None:
    """Whatever passes is one relative path, inside the directory it is joined to."""
    try:
        check_filename(name)
    except InvalidName:
        return
    joined = os.path.normpath("/base/" + name)
    assert joined == "/base/" + name
    assert unicodedata.normalize("NFC", name) == name
    assert name.encode().decode() == name


def test_a_local_path_becomes_a_normalised_name() -> None:
    """A file whose name is decomposed on the disk has the composed name on the network."""
    assert filename_from_path(PurePosixPath("dir/e\u0301")) == "dir/\u00e9"
    assert filename_from_path("dir//./file") == "dir/file"


@pytest.mark.parametrize("path", ["/absolute", "../up", "", "caf\udce9"])
def test_a_local_path_that_makes_no_name_is_refused(path: str) -> None:
    """Absolute and climbing paths, and names that are no Unicode, do not get onto the network."""
    with pytest.raises(InvalidName):
        filename_from_path(path)


@pytest.mark.parametrize("text", ["", "dir/", "/", "x" * 1024, "\u00e9"])
def test_names_can_be_asked_for_by_whatever_they_may_begin_with(text: str) -> None:
    """That none does is no mistake."""
    assert check_prefix(text) == text


@pytest.mark.parametrize("text", ["bad\udcff", "x" * 1025, "\u00e9" * 513, "\ud800" * 5000])
def test_what_no_name_begins_with_is_told(text: str) -> None:
    """In a sentence of bounded length."""
    with pytest.raises(InvalidName, match="No name begins with") as caught:
        check_prefix(text)
    assert len(str(caught.value)) < 1000
