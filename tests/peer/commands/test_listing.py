"""The peer's answer to ``list_files``."""

from __future__ import annotations

import pytest

from p2pfs.testing import publish
from tests.peer.commands.console import DATA, Consoles
from tests.peer.holdings import content


def offer(consoles: Consoles, *names: str) -> None:
    """Have the source publish files of these names, each larger than the one before."""
    for number, name in enumerate(names):
        path = consoles.path.with_name("of-" + name.replace("/", "-"))
        path.write_bytes(content(100 * (number + 1)))
        consoles.network.result_of(publish(consoles.source, path, name), 10)


def test_it_says_how_much_of_each_is_here(consoles: Consoles) -> None:
    """Nothing, a part in whole per cent, or all; the last line counts those that are whole."""
    target = consoles.network.hosts["fetcher"].directory / "copy"
    running = consoles.begin(consoles.fetcher, f"download dir/f.bin {target}")
    held: list[str] = []
    while "yes" not in held[-1:]:
        answer = consoles.run(consoles.fetcher, "list_files")
        held.append(answer.data[0]["have"])
        consoles.network.run(0.2)
    consoles.network.result_of(running, 60)
    assert dict.fromkeys(held).keys() >= {"25 %", "50 %", "75 %", "yes"}
    assert answer.lines[0].split() == ["name", "size", "here"]
    assert answer.lines[-1] == "1 file, 195.3 KiB; 1 of them here."
    assert consoles.run(consoles.start("new"), "list_files").data[0]["have"] == "no"


def test_what_is_withheld_is_not_here(consoles: Consoles) -> None:
    """A share whose file is away is none that could be read."""
    consoles.path.write_bytes(b"something else")
    consoles.network.run(100)
    assert [file["have"] for file in consoles.run(consoles.fetcher, "list_files").data] in (
        [],
        ["no"],
    )


def test_patterns_are_picked_from_what_the_tracker_lists(
    consoles: Consoles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for the beginning, page by page, and the peer picks what fits."""
    monkeypatch.setattr("p2pfs.tracker.protocol._REPLY_ROOM", 700)  # three names a page
    offer(consoles, "a.iso", "b.iso", "b.txt", "c/a.iso", "c/z", "d", "e.iso")

    def listed(line: str) -> list[str]:
        answer = consoles.run(consoles.fetcher, line)
        return [file.get("name", "more") for file in answer.data]

    assert listed("list_files '*.iso'") == ["a.iso", "b.iso", "c/a.iso", "e.iso"]
    assert listed("list_files 'b*'") == ["b.iso", "b.txt"]
    assert listed("list_files 'c/[y-z]'") == ["c/z"]
    assert listed("list_file c") == ["c/a.iso", "c/z"]
    assert listed("list_files 'x*'") == []
    assert listed("list_files '*.iso' --most 2") == ["a.iso", "b.iso", "more"]
    assert listed("list_files '*.iso' --after b.iso") == ["c/a.iso", "e.iso"]
    assert listed("list_files --sort size --most 2") == ["dir/f.bin", "e.iso", "more"]
    assert listed("list_files 'b*' --sort size") == ["b.txt", "b.iso"]


def test_long_says_more(consoles: Consoles) -> None:
    """Exact sizes, into how many chunks each is cut, its hash, and for how long it is there."""
    consoles.network.run(3 * 3600)
    answer = consoles.run(consoles.source, "list_files --long")
    assert answer.lines[0].split() == [
        "name",
        "size",
        "bytes",
        "chunks",
        "hash",
        "listed",
        "for",
        "here",
    ]
    row = f"dir/f.bin 195.3 KiB {len(DATA)} 4 blake3 3 hours yes"
    assert answer.lines[1].split() == row.split()
    assert answer.data[0]["hash"] == "blake3"
    assert 3 * 3600 <= answer.data[0]["age"] <= 3 * 3600 + 20


def test_what_is_newest_comes_first(consoles: Consoles) -> None:
    """As the tracker tells since when each is listed."""
    consoles.network.run(10)
    offer(consoles, "b")
    consoles.network.run(10)
    offer(consoles, "a")
    consoles.network.run(10)
    answer = consoles.run(consoles.fetcher, "list_files --sort new --most 2")
    assert [file.get("name") for file in answer.data] == ["a", "b", None]
    assert answer.lines[-1].endswith("Shown are the 2 newest.")
