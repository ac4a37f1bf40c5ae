"""A client written by hand from the protocol page: JSON lines over a blocking socket, no p2pfs."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from p2pfs.hashing import Hash
from tests.processes.daemons import MIB, Machines, random_file, sha256

CHUNK = 1 << 20


class Conversation:
    """One connection, a JSON object a line."""

    def __init__(self, connection: socket.socket) -> None:
        self.lines = connection.makefile("rwb")

    def say(self, **message: Any) -> None:
        """Send one message."""
        self.lines.write(json.dumps(message).encode() + b"\r\n")
        self.lines.flush()

    def hear(self) -> dict[str, Any]:
        """The next message."""
        message: dict[str, Any] = json.loads(self.lines.readline())
        return message

    def ask(self, **message: Any) -> dict[str, Any]:
        """Send one message and return the next."""
        self.say(**message)
        return self.hear()


def call(host: str, port: int) -> Conversation:
    """Connect somewhere."""
    return Conversation(socket.create_connection((host, port), timeout=20))


def serve_one(server: socket.socket, data: bytes) -> None:
    """Serve one downloader in base64 until it hangs up."""
    connection, _ = server.accept()
    conversation = Conversation(connection)
    for line in conversation.lines:
        request = json.loads(line)
        if request["type"] == "PEER_PING_PONG":
            conversation.lines.write(line)
            conversation.lines.flush()
        elif request["type"] == "PEER_REQUEST_CHUNK":
            number = request["chunknum"]
            chunk = data[number * CHUNK : (number + 1) * CHUNK]
            conversation.say(
                type="PEER_REPLY_CHUNK",
                filename=request["filename"],
                chunknum=number,
                data=base64.b64encode(chunk).decode(),
                digest=hashlib.sha256(chunk).hexdigest(),
            )
    connection.close()


@pytest.mark.parametrize("function", Hash)
def test_it_can_do_everything(
    machines: Machines, background: ThreadPoolExecutor, function: Hash
) -> None:
    """Register, publish, list, locate, download and serve.

    It knows no hash but SHA-256, by which it can check a chunk of whatever file.
    """
    machines.tracker()
    peer = machines.peer("p")
    theirs = random_file(machines.directory / "theirs", 2 * MIB + 5)
    peer.ask("publish", "--hash", function.value, str(theirs))
    mine = random_file(machines.directory / "mine", 3 * MIB + 1).read_bytes()

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        tracker = call("127.0.0.1", machines.port)
        registered = tracker.ask(type="REQUEST_REGISTER", address=f":{port}")
        assert registered["type"] == "REPLY_REGISTER"
        assert registered["address"] == f"127.0.0.1:{port}"
        assert abs(registered["wall_clock"] - time.time()) < 60
        info = {"filesize": len(mine), "totalchunknum": 4}
        published = tracker.ask(type="REQUEST_PUBLISH", filename="mine", fileinfo=info)
        assert published["type"] == "REPLY_PUBLISH"
        assert published["result"] is True
        listed = tracker.ask(type="REQUEST_FILE_LIST")
        assert set(listed["filelist"]) == {"mine", "theirs"}
        assert listed["more"] is False

        # It downloads from ours: chunk by chunk, in base64, as it does not ask for raw bytes.
        located = tracker.ask(type="REQUEST_FILE_LOCATION", filename="theirs")
        assert located["fileinfo"]["totalchunknum"] == 3
        assert located["fileinfo"].get("hash") == function.in_fileinfo
        [(address, bitfield)] = located["chunkinfo"].items()
        assert base64.b64decode(bitfield) == b"\xe0"
        source = call(*address.split(":"))
        ping = {"type": "PEER_PING_PONG", "anything": [1, 2]}
        assert source.ask(**ping) == ping
        fetched = b""
        for number in range(3):
            reply = source.ask(type="PEER_REQUEST_CHUNK", filename="theirs", chunknum=number)
            chunk = base64.b64decode(reply["data"])
            assert hashlib.sha256(chunk).hexdigest() == reply["digest"]
            fetched += chunk
            tracker.say(type="REQUEST_CHUNK_REGISTER", filename="theirs", chunknum=number)
        assert fetched == theirs.read_bytes()
        located = tracker.ask(type="REQUEST_FILE_LOCATION", filename="theirs")
        assert located["chunkinfo"][f"127.0.0.1:{port}"] == base64.b64encode(b"\xe0").decode()
        digests = source.ask(
            type="PEER_REQUEST_DIGESTS", filename="theirs", root=located["fileinfo"]["root"]
        )
        concatenated = base64.b64decode(digests["data"])
        assert function.digest(concatenated).hex() == located["fileinfo"]["root"]

        # It serves ours.
        serving = background.submit(serve_one, server, mine)
        peer.ask("download", "mine", str(machines.directory / "copy"))
        serving.result(20)
        assert sha256(machines.directory / "copy") == hashlib.sha256(mine).hexdigest()

        unpublished = tracker.ask(type="REQUEST_UNPUBLISH", filename="mine")
        assert unpublished["type"] == "REPLY_PUBLISH"
        assert unpublished["result"] is True
