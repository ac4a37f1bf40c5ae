"""Requests for chunks whose bytes go into a file in memory."""

from __future__ import annotations

import os
from pathlib import Path

from p2pfs.chunks import FileInfo
from p2pfs.hashing import Hash
from p2pfs.peer.payloads import ChunkRequest, ChunkSink
from p2pfs.peer.storage import Disk, PartFile
from p2pfs.testing.inline import InlineReactor
from p2pfs.wire import messages as m

ROOT = "ab" * 32


def request(chunknum: int, length: int, function: Hash = Hash.BLAKE3) -> ChunkRequest:
    """A request for a chunk of the file ``f``, all of whose chunks are as long."""
    fd = os.memfd_create("part")  # closed with the process: a few bytes
    part = PartFile(Disk(), Path("memory"), 0, fd)
    sink = ChunkSink(InlineReactor(), part, 0, length, function.hasher())
    info = FileInfo(20 * length, 20, length, ROOT, function.in_fileinfo)
    return ChunkRequest(m.PeerRequestChunk("f", chunknum, ROOT, "raw"), info, sink)
