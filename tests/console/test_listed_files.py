"""What ``list_file`` shows: as many files as an answer holds, and how to see the others."""

from __future__ import annotations

import shlex

import pytest

from p2pfs.chunks import ChunkSet, FileInfo
from p2pfs.console import listed_files
from p2pfs.console.listed_files import ListedFiles
from p2pfs.console.rendering import WIDEST

INFO = FileInfo(30, 3, 10, "ab" * 32)


def test_it_says_how_much_of_each_is_here() -> None:
    """Nothing, a part in whole per cent, or all."""
    files = ListedFiles()
    for name, chunks in (("a", None), ("b", [0, 1]), ("c", [0, 1, 2]), ("d", [])):
        here = None if chunks is None else ChunkSet.of(3, chunks)
        assert files.add(name, INFO, here)
    answer = files.answer("")
    assert [file["have"] for file in answer.data] == ["no", "66 %", "yes", "no"]
    assert len(answer.lines) == 5


def test_nothing_is_a_sentence() -> None:
    """Which names the prefix that was asked for."""
    assert ListedFiles().answer("").lines == ["The network offers no file."]
    assert ListedFiles().answer("x/").lines == ["The network offers no file beginning with 'x/'."]


def test_a_long_list_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a line that can be typed as it is, whatever the names are."""
    monkeypatch.setattr(listed_files, "MOST_FILES", 2)
    files = ListedFiles()
    assert files.add("it's a", INFO, None)
    assert files.add("it's b", INFO, None)
    assert not files.full
    assert not files.add("it's c", INFO, None)
    assert files.full
    answer = files.answer("it's")
    assert [file.get("name") for file in answer.data] == ["it's a", "it's b", None]
    assert answer.data[-1] == {"more_after": "it's b"}
    line = answer.lines[-1].partition("go on with: ")[2]
    assert shlex.split(line) == ["list_file", "it's", "it's b"]


def test_long_names_make_an_answer_of_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short one takes as much room as it is padded to, a long one what it has."""
    monkeypatch.setattr(listed_files, "MOST_CHARACTERS", 400 + 3 * WIDEST)
    files = ListedFiles()
    for name in ("a", "b", "x" * 400, "c"):
        assert files.add(name, INFO, None)
    assert not files.add("d", INFO, None)
    answer = files.answer("")
    assert len(answer.data) == 5
    assert max(map(len, answer.lines[:3])) < 60
