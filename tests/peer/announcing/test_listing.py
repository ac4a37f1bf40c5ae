"""What a tracker lists, page by page; and what is made of a list that makes no sense."""

from __future__ import annotations

import tracemalloc
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from twisted.internet.defer import Deferred, succeed

from p2pfs.chunks import FileInfo
from p2pfs.commands import PEER_COMMANDS
from p2pfs.console import listed_files
from p2pfs.console.listed_files import Column, ListedFiles
from p2pfs.errors import InvalidName, Refused
from p2pfs.peer.announcing.listing import Listing
from p2pfs.printable import printable
from p2pfs.wire import messages as m

EMPTY = FileInfo.of_size(0)

COLUMNS = [
    Column(key, lambda file, key=key: file[key])  # type: ignore[misc]  # a default is no type
    for key in ("name", "size", "chunks", "age", "have")
]


class Tracker:
    """Answers with the pages it is given, and knows what it was asked."""

    def __init__(self, *pages: tuple[list[str], bool]) -> None:
        self.pages = list(pages)
        self.asked: list[tuple[str, str]] = []

    def list_page(self, prefix: str, after: str) -> Deferred[m.ReplyFileList]:
        self.asked.append((prefix, after))
        names, more = self.pages.pop(0)
        return succeed(m.ReplyFileList(dict.fromkeys(names, EMPTY), more))


def through(tracker: Any, prefix: str = "", after: str = "") -> list[str]:
    """All names that a listing passes on; raises what ends it."""
    listing, names = Listing(lambda: tracker, prefix, after), list[str]()

    async def go() -> None:
        while not listing.ended:
            names.extend(await listing.next_page())

    failures: list[Any] = []
    Deferred.fromCoroutine(go()).addErrback(failures.append)
    for failure in failures:
        failure.raiseException()
    return names


def test_page_by_page() -> None:
    """Each is asked for with the last name before; what was there and what is none is left out."""
    tracker = Tracker((["d/a", "d/b"], True), (["d/b", "d/c", "e", "d/../x"], False))
    assert through(tracker, "d/") == ["d/a", "d/b", "d/c"]
    assert tracker.asked == [("d/", ""), ("d/", "d/b")]
    assert through(Tracker((["a", "b", "c"], False)), after="b") == ["c"]


@pytest.mark.parametrize(
    ("ages", "told"),
    [
        ([9, 8, 7, 6], {"a": 9, "c": 7}),
        ([0, 0, 0, 0], {"a": 0, "c": 0}),
        ([-1, 8, m.MOST_AGE + 1, 6], {}),
        ([10**100, 8, 7, 6], {"c": 7}),
        ([9, 8, 7], {}),
        ([9, 8, 7, 6, 5], {}),
        ([], {}),
    ],
)
def test_ages_belong_to_names_in_their_order(ages: list[int], told: dict[str, int]) -> None:
    """Whatever order the page has on the line; those that cannot be are not known."""
    page = m.ReplyFileList(dict.fromkeys(["c", "b\\", "d/", "a"], EMPTY), False, ages)
    tracker: Any = SimpleNamespace(list_page=lambda prefix, after: succeed(page))
    listing = Listing(lambda: tracker, "")
    names: list[Any] = []
    Deferred.fromCoroutine(listing.next_page()).addCallback(names.append)
    assert set(names[0]) == {"a", "c"}
    assert listing.ages == told


@pytest.mark.parametrize("second", [["b"], ["a"], [], ["a", "b"]])
def test_a_list_in_circles(second: list[str]) -> None:
    """More of the same, of what was before, or of nothing: it ends with a sentence."""
    with pytest.raises(Refused, match="goes round in circles"):
        through(Tracker((["a", "b"], True), (second, True), (["c"], False)))


def test_a_list_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ever new names are believed up to a number, those that are none counted too."""
    monkeypatch.setattr("p2pfs.peer.announcing.listing.MOST_LISTED", 3)
    with pytest.raises(Refused, match="more than 3 files"):
        through(Tracker((["a", "b\\"], True), (["c", "d"], True), (["e"], True)))


class Endless:
    """Has ever more names, fifty a page."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.page = 0

    def list_page(self, prefix: str, after: str) -> Deferred[m.ReplyFileList]:
        self.page += 1
        names = [f"{self.page:09}{n:03}{self.name}" for n in range(50)]
        return succeed(m.ReplyFileList(dict.fromkeys(names, EMPTY), True))


@pytest.mark.parametrize("name", ["x" * 50, "\u200b" * 330, "\U000e0001" * 250])
@pytest.mark.parametrize("order", ["name", "size"])
def test_what_an_endless_list_makes_a_peer_hold(
    monkeypatch: pytest.MonkeyPatch, name: str, order: str
) -> None:
    """With the longest names, or such as are shown ten times as long as they are.

    An answer of a fortieth of the size takes less than a fortieth of 64 MiB, encoded twice over.
    """
    monkeypatch.setattr(listed_files, "MOST_FILES", listed_files.MOST_FILES // 40)
    monkeypatch.setattr(listed_files, "MOST_CHARACTERS", listed_files.MOST_CHARACTERS // 40)
    tracker: Any = Endless(name)
    call = PEER_COMMANDS.parse(["list_files", "--long", "--sort", order])
    listing, shown = Listing(lambda: tracker, ""), ListedFiles(call)
    fit = listed_files.MOST_CHARACTERS // len(printable(name))
    most = 3 * min(fit, listed_files.MOST_FILES)

    async def go() -> None:
        count = 0
        while not shown.full and count < most:
            for name, info in (await listing.next_page()).items():
                count += 1
                file = {
                    "name": name,
                    "size": info.filesize,
                    "chunks": info.totalchunknum,
                    "have": "100 %",
                    "age": count,
                }
                if not shown.add(file):
                    break

    tracemalloc.start()
    try:
        Deferred.fromCoroutine(go())
        answer = shown.answer(COLUMNS, "")
        line = msgspec.json.encode([answer.data, list(answer.lines)]) + b"\n"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert shown.full or order != "name"
    assert len(line) > 50_000
    assert peak < 64 * (1 << 20) / 40


def test_nothing_is_asked_for_what_no_name_begins_with() -> None:
    """Nor behind what is none: the connection to the tracker has no bytes for it."""
    tracker = Tracker()
    for words in (("bad\udcff", ""), ("", "bad\udcff"), ("x" * 1025, "")):
        with pytest.raises(InvalidName):
            through(tracker, *words)
    assert tracker.asked == []
