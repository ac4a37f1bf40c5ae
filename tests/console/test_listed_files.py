"""What ``list_files`` shows: as many files as an answer holds, and how to see the others."""

from __future__ import annotations

from typing import Any

import pytest

from p2pfs.commands import PEER_COMMANDS
from p2pfs.console import listed_files
from p2pfs.console.command import Answer
from p2pfs.console.listed_files import Column, ListedFiles, age_text
from p2pfs.console.rendering import WIDEST
from p2pfs.errors import UsageProblem

COLUMNS = [
    Column("name", lambda file: file["name"]),
    Column("bytes", lambda file: file["size"], long=True),
]


def listed(line: str) -> ListedFiles:
    return ListedFiles(PEER_COMMANDS.parse_line(line))


def file(name: str, size: int = 30, age: int | None = None) -> dict[str, Any]:
    return {"name": name, "size": size, "age": age}


def answer_to(line: str, files: list[dict[str, Any]], kept_here: bool = False) -> Answer:
    shown = listed(line)
    for each in files:
        if not shown.add(each):
            break
    return shown.answer(COLUMNS, "There is no file", kept_here)


def names(answer: Answer) -> list[str | None]:
    return [file.get("name") for file in answer.data]


def test_the_last_line_sums_up() -> None:
    """How many, how much, and how many of them are here if that is known."""
    shown = listed("list_files")
    for number in range(1200):
        shown.add(file(f"{number:04}", 1 << 30), here=number < 17)
    lines = shown.answer(COLUMNS, "", kept_here=True).lines
    assert (len(lines), lines[-1]) == (1202, "1,200 files, 1.2 TiB; 17 of them here.")
    assert answer_to("list_files", [file("a")]).lines[-1] == "1 file, 30 B."


def test_nothing_is_a_sentence() -> None:
    """Which names the pattern that was asked for."""
    assert answer_to("list_files", []).lines == ["There is no file."]
    assert answer_to("list_files x/", []).lines == ["There is no file beginning with 'x/'."]
    assert answer_to("list_files '*x'", []).lines == ["There is no file that fits '*x'."]


def test_long_has_all_columns() -> None:
    """Otherwise there are those that everybody wants."""
    assert answer_to("list_files", [file("a")]).lines[0] == "name"
    assert answer_to("list_files --long", [file("a")]).lines[0].split() == ["name", "bytes"]


def test_orders() -> None:
    """Largest or newest first; what is equal is by name, what is not known comes last."""
    files = [file("a", 1, 9), file("b", 3, None), file("c", 3, 2), file("d", 2, 9)]
    assert names(answer_to("list_files", files)) == ["a", "b", "c", "d"]
    assert names(answer_to("list_files --sort size", files)) == ["b", "c", "d", "a"]
    assert names(answer_to("list_files --sort new", files)) == ["c", "a", "d", "b"]


def test_a_long_list_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a line that can be typed as it is, whatever the names are."""
    monkeypatch.setattr(listed_files, "MOST_FILES", 2)
    files = [file(name) for name in ("it's a", "it's b", "it's c")]
    answer = answer_to('list_files --long "it\'s"', files)
    assert names(answer) == ["it's a", "it's b", None]
    assert answer.data[-1] == {"more_after": "it's b"}
    assert answer.lines[-1].startswith("2 files, 60 B. There are more; ")
    call = PEER_COMMANDS.parse_line(answer.lines[-1].partition("go on with: ")[2])
    assert (call["pattern"], call.options) == ("it's", {"long": "", "after": "it's b"})
    assert names(answer_to("list_files", files[:2])) == ["it's a", "it's b"]


def test_a_list_by_name_takes_no_more_than_it_has_room_for() -> None:
    """So that nobody goes through a million names to show ten."""
    shown = listed("list_files --most 2")
    assert [shown.add(file(name)) for name in "abc"] == [True, True, False]
    assert shown.full


@pytest.mark.parametrize("order", ["size", "new"])
def test_in_another_order_the_first_of_all_are_kept(order: str) -> None:
    """However many there are, and without keeping them all meanwhile."""
    shown = listed(f"list_files --sort {order} --most 3")
    for number in range(100):
        position = 37 * number % 100
        assert shown.add(file(f"{position:02}", 100 - position, position))
        assert len(shown._files) <= 7
    assert not shown.full
    answer = shown.answer(COLUMNS, "")
    assert names(answer) == ["00", "01", "02", None]
    assert answer.data[-1] == {"left_out": 97}
    assert answer.lines[-1].startswith("100 files, 4.9 KiB. Shown are the 3 ")


def test_long_names_make_an_answer_of_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short one takes as much room as it is padded to, a long one what it has."""
    monkeypatch.setattr(listed_files, "MOST_CHARACTERS", 400 + 3 * WIDEST)
    files = [file(name) for name in ("a", "b", "c" * 400, "d", "e")]
    answer = answer_to("list_files", files)
    assert names(answer) == ["a", "b", "c" * 400, "d", None]
    assert max(map(len, answer.lines[:3])) < 60
    assert len(answer_to("list_files --sort size", files).data) == 5


@pytest.mark.parametrize(
    "line",
    [
        "list_files --sort size --after x",
        "list_files --most none",
        "list_files --most 0",
        "list_files --most -1",
        f"list_files --most {'9' * 5000}",
    ],
)
def test_what_cannot_be(line: str) -> None:
    """A sentence says what can."""
    with pytest.raises(UsageProblem):
        listed(line)


def test_ages() -> None:
    """In the largest unit that each fills."""
    ages = [None, 0, 59.9, 60, 7199, 86399, 86400, 40 * 86400]
    texts = ["-", "0 s", "59 s", "1 minute", "1 hour", "23 hours", "1 day", "40 days"]
    assert [age_text(age) for age in ages] == texts
