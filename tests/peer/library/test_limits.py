"""Limits on record."""

from __future__ import annotations

from typing import Any

import pytest

from p2pfs.peer.library.limits import limits_of


def test_no_limit_is_a_limit_that_was_lifted() -> None:
    """It is told from one of which nothing is on record."""
    assert limits_of([(b"upload", None)]) == ({"upload": None}, [])
    found, amiss = limits_of([(b"download", 5000), (b"upload", 6000)])
    assert found == {"upload": 6000, "download": 5000}
    assert amiss == []
    assert limits_of([]) == ({}, [])


@pytest.mark.parametrize(
    ("row", "told"),
    [((b"\xff", 5), 0), ((b"upload", "x"), 1), ((b"upload", -1), 1), ((None, 5), 0)],
)
def test_what_is_none_is_left_out(row: tuple[Any, Any], told: int) -> None:
    """A damaged record of a limit keeps no peer from its start, and is told."""
    found, amiss = limits_of([row, (b"download", 7)])
    assert found == {"download": 7}
    assert [text[:29] for text in amiss] == ["The record of the upload limi"] * told
