"""How long a name is kept for a content that nobody signed; the directory's tests have more."""

from __future__ import annotations

import pytest

from p2pfs.chunks import FileInfo
from p2pfs.errors import Refused
from p2pfs.tracker.holders import own_host
from p2pfs.tracker.listed_file import KEPT_SECONDS, MOST_NAMED, ListedFile

INFO, OTHER = FileInfo(10, 5, 2, "ab" * 32), FileInfo(10, 5, 2, "ab" * 32, "blake3")


def listed(*holders: str) -> ListedFile:
    """A file that these hold as a whole."""
    file = ListedFile("f", INFO, None, 0.0, own_host)
    for holder in holders:
        file.holders.add_whole(holder)
    return file


def test_a_refusal_names_a_few_holders_and_the_hash() -> None:
    """It tells whom to talk to, however many there are."""
    file = listed(*(f"h{number}:1" for number in range(MOST_NAMED + 2)))
    with pytest.raises(Refused, match=r"held by h0:1, h1:1, h2:1 and 2 more; .*hash sha256"):
        file.check_free("anybody", OTHER, 0.0)


def test_a_name_is_kept_for_who_left() -> None:
    """For who is waited for it is free at once, for others after a while."""
    file = listed("a:1")
    file.leaves("a:1", "key of a", 10.0)
    file.holders.remove("a:1")
    file.check_free("key of a", OTHER, 10.0)
    with pytest.raises(Refused, match="for another 60 s"):
        file.check_free("anybody", OTHER, 10.0)
    file.check_free("anybody", OTHER, 10.0 + KEPT_SECONDS)
