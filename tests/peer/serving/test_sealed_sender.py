"""Chunks from the file to OpenSSL; `test_file_sender` tries all that is the same without it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_twisted
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import deferLater

from p2pfs.peer.serving.sealed_sender import PIECE, SealedSender
from tests.peer.serving.test_file_sender import CHUNK, Server, at_rest, private_door


@pytest_twisted.async_yield_fixture()
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A serving peer of a private swarm."""
    server = Server(tmp_path, private_door())
    yield server
    await maybeDeferred(server.port.stopListening)


@ensureDeferred
async def test_nothing_of_a_chunk_waits_in_the_transport(server: Server) -> None:
    """However long the other side does not read: it is in the file, and read when it is time."""
    reader, connection = await server.begin()
    for _ in range(10):
        await deferLater(reactor, 0)
    transport = connection.transport
    assert isinstance(transport.producer, SealedSender)
    assert not transport.dataBuffer
    assert not transport._tempDataBuffer
    assert len(transport.producer._buffer) < 2 * PIECE
    reader.transport.abortConnection()
    await at_rest(connection)


@ensureDeferred
async def test_a_limit_that_comes_in_between_changes_no_byte(server: Server) -> None:
    """What OpenSSL has begun has to be gone on with, however much may be sent by then."""
    reader, connection = await server.begin()
    for _ in range(10):
        await deferLater(reactor, 0)
    server.factory.serving.limit.rate = 16 << 20
    reader.transport.resumeProducing()
    while len(reader.data) < CHUNK // 2:
        await deferLater(reactor, 0.001)
    server.factory.serving.limit.rate = None
    while connection.at_work is not None or len(reader.data) <= CHUNK:
        await deferLater(reactor, 0.001)
    assert bytes(reader.data).partition(b"\n")[2] == server.data
    reader.transport.abortConnection()
    await at_rest(connection)
