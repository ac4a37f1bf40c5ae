"""The chain of a chunk: what is right is kept, what is not is asked of another."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from twisted.internet.defer import Deferred

from p2pfs.chunks import ChunkSet, FileInfo
from p2pfs.hashing import Hash
from p2pfs.peer.payloads import ChunkSink
from tests.peer.download_scene import CHUNK, DATA, HASHES, Scene, Scenes, address
from tests.peer.holdings import described

A, B = NAMES = address(1), address(2)
ONE = ChunkSet.of(4, [2])


def begin(scene: Scenes) -> Scene:
    """A download in which chunk 2 is asked of A; B has it, too."""
    one = scene()
    one.reachable = {A}
    one.download.start(one.named(A, chunks=ONE))
    one.reachable = set(NAMES)
    one.download._source_set.located(one.named(*NAMES, chunks=ONE))
    one.run(0.0)
    return one


def wanted(one: Scene, name: str) -> list[int]:
    """The chunks that a source was asked for since the last time."""
    heard = one.sources[name].heard()
    return [each["chunknum"] for each in heard if each["type"] == "PEER_REQUEST_CHUNK"]


def test_a_right_chunk_is_written_and_counts(scene: Scenes) -> None:
    """For the library, for the sources' experience, and for those who wait for it."""
    one = begin(scene)
    assert (wanted(one, A), wanted(one, B)) == ([2], [])
    one.send(A, 2)
    one.clock.advance(0)
    assert one.content[2 * CHUNK : 3 * CHUNK] == DATA[2 * CHUNK : 3 * CHUNK]
    assert (one.holding.chunks.bits, one.gains) == (ONE.bits, [ONE.bits])
    assert {str(who): count for who, count in one.download.received.items()} == {A: CHUNK}
    assert one.experience.is_proven(one.source(A).address)
    assert not one.incoming.intake.several


def test_a_wrong_chunk_is_asked_of_another_and_its_sender_of_nothing(scene: Scenes) -> None:
    """It is told, so that it looks at its own copy."""
    one = begin(scene)
    wanted(one, A)
    one.send(A, 2, wrong=True)
    one.clock.advance(0)
    [told] = one.sources[A].heard()
    assert (told["type"], told["request"], told["chunknum"]) == ("ERROR", "PEER_REPLY_CHUNK", 2)
    assert wanted(one, B) == [2]
    assert not one.holding.chunks.bits
    assert {s.address: s.state for s in one.download.explain().sources}[A] == "banned"
    one.run(5.0)
    assert wanted(one, A) == []


def test_who_lacks_a_chunk_has_not_failed(scene: Scenes) -> None:
    """Another is asked for it, and nothing else is held against the source."""
    one = begin(scene)
    wanted(one, A)
    one.sources[A].say(
        type="ERROR", request="PEER_REQUEST_CHUNK", message="no", filename="x", chunknum=2
    )
    assert wanted(one, B) == [2]
    source = one.source(A)
    assert (source.failures, source.usable_chunks) == (0, 0)
    trouble = one.download._in_flight.troubles[2]
    assert (trouble.error, trouble.attempts) == (f"{A}: no", 1)


def test_another_is_asked_only_when_nothing_is_written_any_more(scene: Scenes) -> None:
    """Else two would write to the same place."""
    one = begin(scene)
    one.send(A, 2, length=CHUNK // 2)
    end: Deferred[None] = Deferred()
    with patch.object(ChunkSink, "settled", lambda _: end):
        one.sources[A].hang_up()
        one.clock.advance(0)
        assert wanted(one, B) == []
    end.callback(None)
    assert wanted(one, B) == [2]


def test_a_digest_is_right_by_the_hash_list_or_the_root_if_there_is_one(scene: Scenes) -> None:
    """A file of one chunk has no hash list; and not every publisher gives a root."""
    one = begin(scene)
    is_right = one.download._chains.is_right
    assert [is_right(2, HASHES[2]), is_right(2, HASHES[1])] == [True, False]
    for function in Hash:
        one.holding.info, _ = described(b"content", CHUNK, function)
        right = [other for other in Hash if is_right(0, other.digest(b"content"))]
        assert right == [function]
    one.holding.info = FileInfo(7, 1, CHUNK, None)
    assert is_right(0, HASHES[1])


def asked(scene: Scenes, function: Hash) -> tuple[Scene, int]:
    """A download of a file with that hash, and the chunk that its only source was asked for."""
    info, hashes = described(DATA, CHUNK, function)
    one = scene(hashes=hashes, info=info)
    one.reachable = {A}
    one.start(A)
    one.run(0.5)
    [chunknum] = one.download._in_flight.chunks
    return one, chunknum


@pytest.mark.parametrize("function", Hash)
def test_a_claim_that_is_not_kept_is_a_wrong_chunk(scene: Scenes, function: Hash) -> None:
    """Where the claim is of the hash that the file has; of another, nothing can be said."""
    one, chunknum = asked(scene, function)
    one.send(A, chunknum, digest="ab" * 32)
    one.run(0.5)
    assert (chunknum in one.holding.chunks) == (function is Hash.BLAKE3)


@pytest.mark.parametrize("function", Hash)
@pytest.mark.parametrize("wrong", [True, False])
def test_without_a_claim_the_hash_list_tells(scene: Scenes, function: Hash, wrong: bool) -> None:
    """Whichever hash the file has."""
    one, chunknum = asked(scene, function)
    one.send(A, chunknum, wrong=wrong)
    one.run(0.5)
    assert (chunknum in one.holding.chunks) == (not wrong)
