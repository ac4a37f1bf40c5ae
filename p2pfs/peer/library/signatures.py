"""By whom what a peer holds is signed, on record beside the holdings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from p2pfs.membership import to_record
from p2pfs.peer.library.library import Holding

TABLE = """
CREATE TABLE IF NOT EXISTS signatures (
    name TEXT PRIMARY KEY,
    root TEXT NOT NULL,
    signature BLOB NOT NULL
)
"""
"""SQL that makes the table of signatures, if it is not there."""

SELECT = """
SELECT holdings.*, signatures.signature FROM holdings
LEFT JOIN signatures ON signatures.name = holdings.name AND signatures.root = holdings.root
ORDER BY holdings.name
"""
"""SQL for all holdings, each with what `p2pfs.membership.of_record` reads behind it.

An earlier version of p2pfs leaves what it knows nothing of, and that may be of another content.
"""

INSERT = "INSERT OR REPLACE INTO signatures VALUES (?, ?, ?)"
"""SQL that records what `signature_row` makes."""

DELETE = "DELETE FROM signatures WHERE name = ?"
"""SQL that forgets one, by its name."""


def signature_row(holding: Holding) -> Sequence[Any] | None:
    """The signature of a holding, as it is put on record; None if there is none."""
    record = to_record(holding.signature)
    return None if record is None else (holding.name, holding.info.root, record)
