"""What is said of turns, as it is on the wire: of the file f, in five chunks."""

from __future__ import annotations

import base64
from typing import Any

from p2pfs.chunks import ChunkSet


def want_list(*chunknums: int, **fields: Any) -> dict[str, Any]:
    """A downloader's want list."""
    chunks = base64.b64encode(ChunkSet.of(5, chunknums).to_bitfield()).decode()
    return {"type": "PEER_WANT", "filename": "f", "chunks": chunks, "room": 1, **fields}


def have(chunknum: Any, filename: str = "f") -> dict[str, Any]:
    """A downloader's hint."""
    return {"type": "PEER_HAVE", "filename": filename, "chunknum": chunknum}


def offer(chunknum: int, **fields: Any) -> dict[str, Any]:
    """What a source offers."""
    return {"type": "PEER_OFFER", "filename": "f", "chunknum": chunknum, **fields}


def spare(chunknum: int) -> dict[str, Any]:
    """What it offers with nothing else to send."""
    return offer(chunknum, spare=True)
