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


def limits_of(rows: Iterable[tuple[Any, Any]]) -> dict[str, int | None]:
    """The limits on record, in bytes a second by direction; what is none is left out."""
    found = dict(rows)
    return {
        direction: found[key]
        for direction in DIRECTIONS
        if (key := direction.encode()) in found and _is_limit(found[key])
    }


def _is_limit(rate: object) -> bool:
    return rate is None or (isinstance(rate, int) and rate > 0)
