"""Fetch a file from a swarm without p2pfs: python fetch.py TRACKER_HOST:PORT NAME TARGET."""

import base64
import hashlib
import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from io import BufferedRWPair
from typing import Any


def connect(address: str) -> BufferedRWPair:
    """Connect to ``host:port`` or ``[IPv6]:port``."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=10) as connection:
        return connection.makefile("rwb")


def ask(connection: BufferedRWPair, **message: Any) -> dict[str, Any]:
    """Send one message and return the answer; raises `ValueError` with what an ERROR says."""
    connection.write(json.dumps(message).encode() + b"\n")
    connection.flush()
    answer: dict[str, Any] = json.loads(connection.readline())
    if answer["type"] == "ERROR":
        raise ValueError(answer["message"])
    return answer


def hash_of(info: dict[str, Any]) -> Callable[[bytes], Any]:
    """What makes the digests of a file's chunks, and the root of these."""
    if info.get("hash") is None:
        return hashlib.sha256
    from blake3 import blake3  # not Python's own: pip install blake3

    return blake3


def fetch(
    source: BufferedRWPair,
    of: dict[str, Any],
    make: Callable[[bytes], Any],
    wanted: list[int],
) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the bytes of each chunk; raises `ValueError` for one that is wrong."""
    digests = base64.b64decode(ask(source, type="PEER_REQUEST_DIGESTS", **of)["data"])
    if make(digests).hexdigest() != of["root"].lower():
        raise ValueError("the hash list is wrong")
    for number in wanted:
        reply = ask(source, type="PEER_REQUEST_CHUNK", chunknum=number, **of)
        chunk = base64.b64decode(reply["data"])
        if make(chunk).digest() != digests[32 * number : 32 * number + 32]:
            raise ValueError(f"chunk {number} is wrong")
        yield number, chunk


def main(tracker: str, name: str, target: str) -> None:
    """Ask the tracker who holds what, and each holder for what is missing still."""
    with connect(tracker) as connection:
        located = ask(connection, type="REQUEST_FILE_LOCATION", filename=name)
    info = located["fileinfo"]
    of = {"filename": name, "root": info["root"]}
    missing = set(range(info["totalchunknum"]))
    with open(f"{target}.part", "wb") as file:
        for address, bitfield in located["chunkinfo"].items():
            bits = base64.b64decode(bitfield)
            wanted = [n for n in sorted(missing) if bits[n // 8] & 0x80 >> n % 8]
            if not wanted:
                continue
            try:
                with connect(address) as source:
                    for number, chunk in fetch(source, of, hash_of(info), wanted):
                        file.seek(number * info["chunksize"])
                        file.write(chunk)
                        missing.remove(number)
            except (OSError, ValueError) as error:
                print(f"{address}: {error}", file=sys.stderr)
    if missing:
        raise ValueError(f"{len(missing)} chunks are missing")
    os.replace(f"{target}.part", target)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (OSError, ValueError) as error:
        sys.exit(f"fetch.py: {error}")
