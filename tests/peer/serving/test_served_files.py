"""What a peer serves, and what it says of the rest."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest

from p2pfs.chunks import HashList
from p2pfs.peer.storage import Disk, PartFile
from tests.peer.serving.five_chunks import CHUNKS, held
from tests.peer.serving_pair import Serving, asking


@pytest.mark.parametrize(
    ("request_fields", "words"),
    [
        ({"filename": "unknown"}, "does not share"),
        ({"filename": "../../etc/passwd"}, "does not share"),
        ({"root": "cd" * 32}, "another content"),
        ({"root": ""}, "another content"),
        ({"chunknum": 2}, "does not hold"),
        ({"chunknum": 5}, "does not hold"),
        ({"chunknum": -1}, "does not hold"),
        ({"chunknum": 10**30}, "does not hold"),
    ],
)
@pytest.mark.parametrize("encoding", [None, "raw"])
def test_what_cannot_be_served_is_an_error(
    serving: Serving, request_fields: dict[str, Any], words: str, encoding: str | None
) -> None:
    """It names request, file and chunk, and the connection goes on."""
    held(serving).chunks.discard(2)
    other = serving.connect()
    request = {**asking(0, encoding=encoding), **request_fields}
    (error,) = other.ask(**request)
    assert (error["type"], error["request"]) == ("ERROR", "PEER_REQUEST_CHUNK")
    assert (error["filename"], error["chunknum"]) == (request["filename"], request["chunknum"])
    assert words in error["message"]
    assert "data" in other.ask(**asking())[0]
    serving.done(other)


def test_the_hash_list(serving: Serving) -> None:
    """Only for the content that was asked for, and only once it is known."""
    holding = held(serving)
    other = serving.connect()
    request = {"type": "PEER_REQUEST_DIGESTS", "filename": "f", "root": holding.info.root}
    (reply,) = other.ask(**request)
    assert reply == {**request, "type": "PEER_REPLY_DIGESTS", "data": reply["data"]}
    assert base64.b64decode(reply["data"]) == bytes(holding.hashes)
    (error,) = other.ask(**{**request, "root": "cd" * 32})
    assert (error["type"], error["request"]) == ("ERROR", "PEER_REQUEST_DIGESTS")
    holding.hashes = HashList(5)
    assert other.ask(**request)[0]["type"] == "ERROR"
    serving.done(other)


@pytest.mark.parametrize("change", ["gone", "cut short", "rewritten"])
@pytest.mark.parametrize("encoding", [None, "raw"])
def test_a_changed_file_is_reported_and_served_no_more(
    serving: Serving, change: str, encoding: str | None
) -> None:
    """The downloader gets an ERROR without a local path, and the peer itself is told."""
    path = held(serving).path
    if change == "gone":
        path.unlink()
    elif change == "cut short":
        os.truncate(path, 50)
    else:
        path.write_bytes(bytes(95))
        os.utime(path, ns=(1, 1))
    other = serving.connect()
    (error,) = other.ask(**asking(4, encoding=encoding))
    assert (error["type"], error["request"], error["chunknum"]) == (
        "ERROR",
        "PEER_REQUEST_CHUNK",
        4,
    )
    assert str(path.parent) not in error["message"]
    assert [holding for holding, _ in serving.changes] == [held(serving)]
    assert not other.disconnecting
    serving.done(other)


def test_a_file_that_cannot_be_read_is_an_error(serving: Serving) -> None:
    """A trouble of the disk is not a change of the file, and its path is nobody's business."""
    held(serving).stamp = None
    held(serving).path.unlink()
    held(serving).path.mkdir()
    other = serving.connect()
    (error,) = other.ask(**asking(0))
    assert error["type"] == "ERROR"
    assert str(held(serving).path.parent) not in error["message"]
    assert serving.changes == []
    serving.done(other)


def test_an_unfinished_download_is_served_from_its_part_file(
    serving: Serving, tmp_path: Path
) -> None:
    """The chunks it has are given on while the rest still comes."""
    holding = held(serving)
    holding.part = PartFile.create(Disk(), tmp_path / "p", 95)
    holding.part.write(20, [CHUNKS[1]])
    other = serving.connect()
    (reply,) = other.ask(**asking(1))
    assert base64.b64decode(reply["data"]) == CHUNKS[1]
    holding.part.close()
    serving.done(other)
