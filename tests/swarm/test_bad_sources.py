"""Sources that are slow, lie, stall or break off: others fill in, and nothing wrong is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import gatherResults

from p2pfs.errors import DownloadFailed
from p2pfs.hashing import Hash
from tests.swarm.foreign import ForeignConnection, ForeignSource, fileinfo, hash_list
from tests.swarm.harness import MIB, Swarm, download, publish, random_bytes, until

NAME = "x.bin"
DATA = random_bytes(6 * MIB + 7, seed=5)
Join = Callable[..., Awaitable[ForeignSource]]


@pytest.fixture
def join(swarm: Swarm, guests: list[ForeignSource]) -> Join:
    """Adds foreign sources of `DATA` to the swarm."""

    async def add(answer: Any = None, **publish: Any) -> ForeignSource:
        source = ForeignSource(DATA, answer, publish.pop("digests", None))
        guests.append(source)
        await source.join(swarm.port, NAME, **publish)
        return source

    return add


async def fetch_beside_an_honest_peer(swarm: Swarm) -> dict[str, int]:
    """Publish `DATA` from a peer of ours too, fetch it, check it; bytes by source."""
    honest = await swarm.peer("honest")
    (swarm.directory / NAME).write_bytes(DATA)
    await publish(honest, swarm.directory / NAME)
    fetcher = await swarm.peer("fetcher")
    fetched = await download(fetcher, NAME, swarm.directory / "copy")
    assert (swarm.directory / "copy").read_bytes() == DATA
    return fetched.sources


@pytest.mark.parametrize("function", Hash)
@ensureDeferred
async def test_a_foreign_source_in_base64(swarm: Swarm, join: Join, function: Hash) -> None:
    """A peer that knows only base64 can serve ours, with SHA-256 digests for either hash."""
    info, digests = fileinfo(DATA, function=function), hash_list(DATA, function)
    source = await join(digests=digests, fileinfo=info)
    fetcher = await swarm.peer("fetcher")
    await download(fetcher, NAME, swarm.directory / "copy")
    assert (swarm.directory / "copy").read_bytes() == DATA
    assert sorted(source.requests) == list(range(7))


@ensureDeferred
async def test_without_a_root_the_senders_digest_decides(swarm: Swarm, join: Join) -> None:
    """A foreign publisher that gave no root can still be fetched from, and checked."""
    flipped: list[int] = []

    def answer(connection: ForeignConnection, request: dict[str, Any]) -> None:
        if not flipped:
            flipped.append(request["chunknum"])
            connection.say(
                type="PEER_REPLY_CHUNK",
                filename=NAME,
                chunknum=request["chunknum"],
                data="AAAA",
                digest=hashlib.sha256(b"other").hexdigest(),
            )
        else:
            connection.send_chunk(request)

    info = fileinfo(DATA, with_root=False)
    await join(answer, fileinfo=info)
    await join(fileinfo=info)
    fetcher = await swarm.peer("fetcher")
    await download(fetcher, NAME, swarm.directory / "copy")
    assert (swarm.directory / "copy").read_bytes() == DATA


@ensureDeferred
async def test_wrong_bytes_with_a_digest_of_their_own(swarm: Swarm, join: Join) -> None:
    """The hash list decides, not the sender's digest; the liar is not asked again."""

    def lie(connection: ForeignConnection, request: dict[str, Any]) -> None:
        right = connection.source.data[request["chunknum"] * MIB : (request["chunknum"] + 1) * MIB]
        connection.send_chunk(request, bytes(len(right)))

    liar = await join(lie)
    sources = await fetch_beside_an_honest_peer(swarm)
    assert len(sources) == 1
    assert 1 <= len(liar.requests) <= 2  # those in flight when the first was found out


@ensureDeferred
async def test_a_chunk_of_the_wrong_length(swarm: Swarm, join: Join) -> None:
    """Too short and too long chunks are refused."""

    def lie(connection: ForeignConnection, request: dict[str, Any]) -> None:
        connection.send_chunk(request, b"short" if request["chunknum"] % 2 else bytes(2 * MIB))

    await join(lie)
    assert len(await fetch_beside_an_honest_peer(swarm)) == 1


@ensureDeferred
async def test_another_chunk_than_was_asked_for(swarm: Swarm, join: Join) -> None:
    """A right chunk under the wrong number is a wrong chunk."""

    def lie(connection: ForeignConnection, request: dict[str, Any]) -> None:
        connection.send_chunk({**request, "chunknum": (request["chunknum"] + 1) % 6})

    await join(lie)
    assert len(await fetch_beside_an_honest_peer(swarm)) == 1


@ensureDeferred
async def test_a_false_hash_list(swarm: Swarm, join: Join) -> None:
    """A hash list that does not match the root is not used, and its sender banned."""
    liar = await join(digests=hash_list(bytes(len(DATA))))
    assert len(await fetch_beside_an_honest_peer(swarm)) == 1
    assert liar.requests == [] or len(set(liar.requests)) < 7


@ensureDeferred
async def test_a_silent_source(swarm: Swarm, join: Join) -> None:
    """Requests that are never answered time out and are rerouted."""
    silent = await join(lambda connection, request: None)
    sources = await fetch_beside_an_honest_peer(swarm)
    assert silent.requests
    assert len(sources) == 1


@ensureDeferred
async def test_a_source_that_stops_in_the_middle_of_a_payload(swarm: Swarm, join: Join) -> None:
    """A raw chunk that never ends times out, and its bytes count for nothing."""

    def stall(connection: ForeignConnection, request: dict[str, Any]) -> None:
        connection.say(
            type="PEER_REPLY_CHUNK",
            filename=NAME,
            chunknum=request["chunknum"],
            length=min(MIB, len(DATA) - request["chunknum"] * MIB),
            digest="00" * 32,
        )
        connection.transport.write(b"x" * 5)

    await join(stall)
    assert len(await fetch_beside_an_honest_peer(swarm)) == 1


@ensureDeferred
async def test_a_source_that_disconnects(swarm: Swarm, join: Join) -> None:
    """Each request is met with a closed connection; the others do the work."""
    await join(lambda connection, request: connection.transport.abortConnection())
    assert len(await fetch_beside_an_honest_peer(swarm)) == 1


@ensureDeferred
async def test_a_source_that_says_error(swarm: Swarm, join: Join) -> None:
    """A source that does not have what the tracker says is believed, not banned."""

    def refuse(connection: ForeignConnection, request: dict[str, Any]) -> None:
        connection.say(
            type="ERROR",
            request="PEER_REQUEST_CHUNK",
            filename=NAME,
            chunknum=request["chunknum"],
            message="not any more",
        )

    await join(refuse)
    assert len(await fetch_beside_an_honest_peer(swarm)) == 1


@ensureDeferred
async def test_a_refused_connection(swarm: Swarm, join: Join) -> None:
    """A source whose port is closed is left out."""
    source = await join()
    await source.port.stopListening()
    assert len(await fetch_beside_an_honest_peer(swarm)) == 1


@ensureDeferred
async def test_garbage_instead_of_messages(swarm: Swarm, join: Join) -> None:
    """A source that does not speak the protocol is dropped."""
    await join(lambda connection, request: connection.sendLine(b"<html>"))
    assert len(await fetch_beside_an_honest_peer(swarm)) == 1


@ensureDeferred
async def test_no_source_left_ends_with_the_missing_chunks(swarm: Swarm, join: Join) -> None:
    """The wait is shown, the error names the chunks, what came is kept, and a later one goes on."""

    def first_three(connection: ForeignConnection, request: dict[str, Any]) -> None:
        if len(connection.source.requests) <= 3:
            connection.send_chunk(request)
        else:
            connection.transport.loseConnection()

    await join(first_three)
    fetcher = await swarm.peer("fetcher", patience={"no_source": 1.5, "longest_rest": 60.0})
    job, fetched = fetcher.peer.downloads.start(NAME, swarm.directory / "copy")
    remarks = set()

    def waiting() -> bool:
        remarks.add((job.state, job.detail.split(" (")[0]))
        return fetched.called

    await until(waiting)
    with pytest.raises(DownloadFailed, match=r"chunks [\d, -]+ of 'x.bin'.*p2pfs-part"):
        await fetched
    waits = {detail for state, detail in remarks if state == "waiting for a source"}
    assert any(detail.startswith("for ") and detail.endswith(" chunks") for detail in waits)
    kept = job.done
    assert 0 < kept <= 3 * MIB
    assert not (swarm.directory / "copy").exists()

    honest = await swarm.peer("honest")
    (swarm.directory / NAME).write_bytes(DATA)
    await publish(honest, swarm.directory / NAME)
    again = await download(fetcher, NAME, swarm.directory / "copy")
    assert sum(again.sources.values()) == len(DATA) - kept
    assert (swarm.directory / "copy").read_bytes() == DATA


def _zeros(connection: ForeignConnection, request: dict[str, Any]) -> None:
    connection.send_chunk(request, bytes(min(MIB, len(DATA) - request["chunknum"] * MIB)))


def _short(connection: ForeignConnection, request: dict[str, Any]) -> None:
    connection.send_chunk(request, b"short")


def _another(connection: ForeignConnection, request: dict[str, Any]) -> None:
    connection.send_chunk({**request, "chunknum": (request["chunknum"] + 1) % 6})


def _unasked(connection: ForeignConnection, request: dict[str, Any]) -> None:
    for _ in range(3):
        connection.send_chunk(request)


def _refuse(connection: ForeignConnection, request: dict[str, Any]) -> None:
    connection.say(type="ERROR", request="PEER_REQUEST_CHUNK", message="I have none of it")


def _hang_up(connection: ForeignConnection, request: dict[str, Any]) -> None:
    connection.transport.abortConnection()


@ensureDeferred
@pytest.mark.parametrize(
    ("answer", "digests", "banned", "words"),
    [
        (_zeros, None, True, "it sent a wrong chunk"),
        (_short, None, True, "wrong length"),
        (_another, None, True, "another chunk than was asked for"),
        (_unasked, None, True, "another chunk than was asked for"),
        (None, hash_list(bytes(len(DATA))), True, "does not match the root"),
        (None, b"", True, "does not match the root"),
        (_refuse, None, False, "I have none of it"),
        (_hang_up, None, False, "it closed the connection"),
    ],
)
async def test_who_lies_is_banned_and_who_fails_rests(
    swarm: Swarm, join: Join, answer: Any, digests: bytes | None, banned: bool, words: str
) -> None:
    """Wrong content ends all dealings over that file; a false bitfield or a failure does not."""
    await join(answer, digests=digests)
    fetcher = await swarm.peer("fetcher", patience={"longest_rest": 60.0})
    with pytest.raises(DownloadFailed):
        await download(fetcher, NAME, swarm.directory / "copy")
    failed = fetcher.peer.downloads.failed.get(NAME)
    assert failed is not None
    assert failed.explanation is not None
    [source] = failed.explanation.sources
    assert (source.state == "banned") is banned
    assert words in failed.error


@ensureDeferred
async def test_a_source_that_joins_midway_is_used(swarm: Swarm, join: Join) -> None:
    """A download that waits goes on as soon as somebody offers what is missing."""
    await join(lambda connection, request: connection.transport.abortConnection())
    fetcher = await swarm.peer("fetcher", patience={"no_source": 15.0})
    job, fetched = fetcher.peer.downloads.start(NAME, swarm.directory / "copy")
    await until(lambda: job.remark.startswith("waiting"))
    assert job.done == 0
    late = await swarm.peer("late")
    (swarm.directory / NAME).write_bytes(DATA)
    await publish(late, swarm.directory / NAME)
    await fetched
    assert (swarm.directory / "copy").read_bytes() == DATA


@ensureDeferred
async def test_chunks_are_served_while_the_rest_is_still_coming(swarm: Swarm, join: Join) -> None:
    """Two peers that fetch from one slow source give each other what they got."""
    pause = 0.1

    def slowly(connection: ForeignConnection, request: dict[str, Any]) -> None:
        before = getattr(connection.source, "busy_until", 0.0)
        until_then = max(before, reactor.seconds()) + pause
        connection.source.busy_until = until_then  # type: ignore[attr-defined]  # of this test
        reactor.callLater(until_then - reactor.seconds(), connection.send_chunk, request)

    source = await join(slowly)
    # Their names are the seeds of their chances: two that by chance ask for the same, one behind
    # the other, would have nothing for each other.
    fetchers = [await swarm.peer("c"), await swarm.peer("d")]
    copies = [swarm.directory / "c.copy", swarm.directory / "d.copy"]
    await gatherResults(
        [f.peer.downloads.start(NAME, copy)[1] for f, copy in zip(fetchers, copies, strict=True)]
    )
    assert [copy.read_bytes() == DATA for copy in copies] == [True, True]
    assert len(source.requests) < 2 * 7
    assert sum(fetcher.peer.serving.uploads.total for fetcher in fetchers) > 0
