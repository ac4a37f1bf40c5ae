"""What a download came to, in words."""

from __future__ import annotations

from pathlib import Path

from p2pfs.peer.commands.results import answer_of
from p2pfs.peer.downloading import Fetched, TreeJob
from p2pfs.peer.rates import Reached


def test_a_file_says_what_came_from_whom_and_how_well() -> None:
    """What is not known is not said, and null for scripts."""
    plain = answer_of(Fetched("f", Path("/x/f"), 2048, 2.0, {"s:1": 2048}))
    assert plain.lines == ["/x/f: 2.0 KiB in 2.0 s (1.0 KiB/s)", "  2.0 KiB from s:1"]
    assert (plain.data["crowd"], plain.data["times_least"]) == (None, None)
    reached = Reached(1.25, 3)
    measured = answer_of(Fetched("f", Path("/x/f"), 2048, 2.0, {}, reached))
    assert measured.lines == ["/x/f: 2.0 KiB in 2.0 s", f"  {reached}"]
    assert (measured.data["crowd"], measured.data["times_least"]) == (3, 1.25)


def test_what_was_there_says_so() -> None:
    """Nothing was fetched, so there is no rate."""
    there = answer_of(Fetched("f", Path("/x/f"), 2048, 2.0, {}, already_there=True))
    assert there.lines == ["/x/f is there already, and right: 2.0 KiB"]
    assert there.data["already_there"] is True


def test_a_directory_says_how_many_files() -> None:
    """Those that were there apart."""
    tree = TreeJob("d/", Path("/x"), fetched=2, bytes_fetched=2048)
    assert answer_of(tree).lines == ["/x: 2 files, 2.0 KiB"]
    tree.already_there = 3
    answer = answer_of(tree)
    assert answer.lines == ["/x: 2 files, 2.0 KiB, 3 were there already"]
    assert answer.data == {
        "name": "d/",
        "path": "/x",
        "files": 2,
        "already_there": 3,
        "size": 2048,
    }
