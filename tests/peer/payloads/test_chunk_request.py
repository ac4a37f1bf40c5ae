"""What a reply to a request for a chunk may be."""

from __future__ import annotations

from typing import Any

import pytest

from p2pfs.hashing import Hash
from p2pfs.wire import messages as m
from tests.peer.payloads.requests import request

DIGEST = "cd" * 32


def reply(**fields: Any) -> m.PeerReplyChunk:
    """A reply, right but for what is given."""
    return m.PeerReplyChunk(**{"filename": "f", "chunknum": 3, "length": 10, **fields})


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({}, None),
        ({"digest": DIGEST}, None),
        ({"length": None, "data": "AA==", "digest": DIGEST}, None),
        ({"chunknum": 4}, "another chunk"),
        ({"filename": "g"}, "another chunk"),
        ({"digest": "cd"}, "without digest or data"),
        ({"length": None}, "without digest or data"),
        ({"length": None, "data": "AA=="}, "without digest or data"),
        ({"data": "AA==", "digest": DIGEST}, "without digest or data"),
        ({"length": 11}, "wrong length"),
    ],
)
def test_a_reply_is_right_or_wrong_by_its_line(fields: dict[str, Any], fault: str | None) -> None:
    """Before a byte of it is taken, whoever takes it."""
    found = request(3, 10).fault(reply(**fields))
    assert found is None if fault is None else fault in (found or "")


@pytest.mark.parametrize(("function", "counts"), [(Hash.SHA256, True), (Hash.BLAKE3, False)])
def test_a_claim_counts_if_it_is_of_the_hash_of_the_file(function: Hash, counts: bool) -> None:
    """A digest in a reply is always SHA-256."""
    asked = request(3, 10, function)
    assert asked.claimed(reply(digest=DIGEST)) == (bytes.fromhex(DIGEST) if counts else None)
    assert asked.claimed(reply()) is None


def test_it_is_wanted_until_there_is_an_outcome() -> None:
    """Cancelled, too, its answer still comes, and its bytes go nowhere."""
    asked = request(3, 10)
    assert asked.wanted
    asked.answered.addErrback(lambda failure: None)
    asked.answered.cancel()
    assert not asked.wanted
