"""A client of a serving peer as anybody might write it: plain JSON, a blocking socket, no disk.

It uses none of p2pfs. Python's own decoders of JSON and base64 take longer than
all the rest, so it can use faster ones instead: as fast as a client in C has.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
from typing import Any

import msgspec
import pybase64

from benchmarks.processes import obey

WINDOW = 8
"""Requests that are under way at the same time."""
BUFFER = 1 << 20


def fetch(
    host: str, port: int, filename: str, chunks: int, raw: bool, fast: bool, checking: bool
) -> tuple[int, int, str]:
    """Fetch every chunk of a file; the bytes that came, how many chunks were wrong, and the digest.

    ``raw`` asks for plain bytes behind the header line rather than base64 in it.
    ``fast`` chooses the decoders. With ``checking`` the digests that come along with
    base64 are compared, and the digest of all that came is not that of nothing.
    """
    whole = hashlib.sha256()
    decode_json = msgspec.json.decode if fast else json.loads
    decode_base64 = pybase64.b64decode if fast else base64.b64decode
    received = wrong = 0
    with (
        socket.create_connection((host, port), timeout=60) as connection,
        connection.makefile("rb", buffering=BUFFER) as stream,
    ):
        for chunknum in range(chunks + WINDOW):
            if chunknum < chunks:
                request: dict[str, Any] = {"type": "PEER_REQUEST_CHUNK", "filename": filename}
                request["chunknum"] = chunknum
                if raw:
                    request["encoding"] = "raw"
                connection.sendall(json.dumps(request).encode() + b"\n")
            if chunknum < WINDOW:
                continue
            reply = decode_json(stream.readline())
            if "length" in reply:
                data = stream.read(reply["length"])
            else:
                data = decode_base64(reply["data"])
            received += len(data)
            if checking:
                whole.update(data)
                if not raw and hashlib.sha256(data).hexdigest() != reply["digest"]:
                    wrong += 1
    return received, wrong, whole.hexdigest()


if __name__ == "__main__":
    obey({"fetch": fetch})
