"""Limits that were set while the peer ran, and how they stand on record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

TABLE = """
CREATE TABLE IF NOT EXISTS limits (
    direction TEXT PRIMARY KEY,
    rate INTEGER
)
"""
"""SQL that makes the table of limits, if it is not there; no rate is no limit."""

SELECT = "SELECT CAST(direction AS BLOB), rate FROM limits"
"""SQL for what `limits_of` reads; text may be no UTF-8 by now."""

INSERT = "INSERT OR REPLACE INTO limits VALUES (?, ?)"
"""SQL that records a limit: its direction and rate."""

DIRECTIONS = ("upload", "download")

SET_AGAIN = "set it with 'limit' once more."
"""What to do where it cannot be read."""


def limits_of(rows: Iterable[tuple[Any, Any]]) -> tuple[dict[str, int | None], list[str]]:
    """The limits on record, in bytes a second by direction, and what is none, in words."""
    found = dict(rows)
    known = {way: found[key] for way in DIRECTIONS if (key := way.encode()) in found}
    amiss = [way for way, rate in known.items() if not _is_limit(rate)]
    return (
        {way: rate for way, rate in known.items() if way not in amiss},
        [f"The record of the {way} limit is damaged; {SET_AGAIN}" for way in amiss],
    )


def _is_limit(rate: object) -> bool:
    return rate is None or (isinstance(rate, int) and rate > 0)
