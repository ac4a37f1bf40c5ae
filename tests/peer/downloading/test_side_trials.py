"""A chunk that is asked of several sources beside each other, as none of them ever delivered."""

from __future__ import annotations

from unittest.mock import patch

from twisted.internet.defer import Deferred

from p2pfs.chunks import ChunkSet, FileInfo
from p2pfs.hashing import Hash
from p2pfs.peer.payloads import ChunkSink
from tests.peer.download_scene import CHUNK, DATA, INFO, Scene, Scenes, address

NAMES = [address(number) for number in range(4)]
ONE = ChunkSet.of(4, [2])
TWO = DATA[2 * CHUNK : 3 * CHUNK]
RIGHT = Hash.SHA256.digest(TWO).hex()


def begin(scene: Scenes, count: int = 4, info: FileInfo = INFO) -> Scene:
    """A download of which so many sources say that they have chunk 2, and nothing else."""
    one = scene(info=info)
    one.reachable = set(NAMES[:count])
    one.download.start(one.named(*NAMES[:count], chunks=ONE))
    return one


def asked(one: Scene) -> list[str]:
    """The sources that were asked, in the order of the first question."""
    return [name for name in one.heard if one.asked_for(name)]


def held_up(scene: Scenes, info: FileInfo = INFO) -> tuple[Scene, str, list[str]]:
    """The same when all were asked: the one whose bytes go to the file, and those beside it.

    The very first one has been let go for the others.
    """
    one = begin(scene, info=info)
    one.run(lambda: len(asked(one)) == len(NAMES))
    first, *others = asked(one)
    assert one.sources[first].aborted
    assert not any(one.sources[name].aborted for name in others)
    main = str(one.download._in_flight.chunks[2].source.address)
    others.remove(main)
    one.send(main, 2, length=10, wrong=True, digest=RIGHT)
    return one, main, others


def kept(one: Scene) -> bool:
    """Whether the chunk is there, and nothing else in memory."""
    return one.download._holding.chunks.bits == ONE.bits and not one.spare.taken


def test_one_that_delivers_is_asked_alone(scene: Scenes) -> None:
    """In good times everybody is asked for something else, though nobody is proven at first."""
    one = begin(scene)
    one.run(0.2)
    [first] = asked(one)
    one.send(first, 2, length=150)
    for _ in range(4):
        one.sources[first].deliver(TWO[:200])
        one.run(0.2)
    assert asked(one) == [first]


def test_the_first_right_one_is_kept_and_the_others_are_let_go(scene: Scenes) -> None:
    """What the one before has sent already is written over, and no more of it is taken."""
    one, main, (other, third) = held_up(scene)
    one.send(other, 2)
    one.sources[main].deliver(b"?" * 990)
    one.run(0.2)
    assert kept(one)
    assert one.content[2 * CHUNK : 3 * CHUNK] == TWO
    assert not one.sources[other].aborted
    assert one.sources[main].aborted
    assert one.sources[third].aborted
    assert one.download.received == {one.source(other).address: CHUNK}


def test_a_claim_that_is_not_kept_makes_it_a_wrong_one(scene: Scenes) -> None:
    """Of a file without a root, nothing else could tell."""
    one, _, (other, third) = held_up(scene, FileInfo(len(DATA), 4, CHUNK))
    one.send(other, 2, digest="ab" * 32)
    one.run(0.2)
    assert not kept(one)
    one.send(third, 2, digest=RIGHT)
    one.run(0.2)
    assert kept(one)


def test_the_one_asked_first_may_still_be_first(scene: Scenes) -> None:
    """Those beside it are let go then, and what they sent is thrown away."""
    one = begin(scene)
    one.run(lambda: len(asked(one)) == len(NAMES))
    main = str(one.download._in_flight.chunks[2].source.address)
    others = [name for name in asked(one)[1:] if name != main]
    one.send(others[0], 2, length=700)
    assert one.spare.taken == 700
    one.send(main, 2)
    one.run(0.2)
    assert kept(one)
    assert one.content[2 * CHUNK : 3 * CHUNK] == TWO
    assert all(one.sources[name].aborted for name in others)


def test_a_wrong_one_is_banned_and_the_others_go_on(scene: Scenes) -> None:
    """Nothing of it reaches the file."""
    one, _, (other, third) = held_up(scene)
    one.send(other, 2, wrong=True)
    one.run(0.2)
    assert not one.spare.taken
    assert {s.address for s in one.download.explain().sources if s.state == "banned"} == {other}
    one.send(third, 2)
    one.run(0.2)
    assert kept(one)


def test_a_chunk_that_came_waits_for_the_writer_before_it(scene: Scenes) -> None:
    """Its place in the file is nobody else's when it is written."""
    one, main, (other, _) = held_up(scene)
    end: Deferred[None] = Deferred()
    with patch.object(ChunkSink, "settled", lambda _: end):
        one.send(other, 2)
        one.run(0.2)
        assert not one.download._holding.chunks.bits
        assert one.sources[main].aborted
        assert one.spare.taken == CHUNK
    end.callback(None)
    one.run(0.2)
    assert kept(one)


def test_memory_is_bounded(scene: Scenes) -> None:
    """Who sends what there is no room for is let go."""
    one, _, (other, third) = held_up(scene)
    one.spare.most = 1500
    one.send(other, 2, length=900)
    one.send(third, 2, length=700)
    one.run(0.2)
    assert one.sources[third].aborted
    assert one.spare.taken == 900
    one.sources[other].deliver(TWO[900:])
    one.run(0.2)
    assert kept(one)


def test_the_end_leaves_nothing_in_memory(scene: Scenes) -> None:
    """Whatever was under way."""
    one, _, (other, _) = held_up(scene)
    one.send(other, 2, length=900)
    one.download.cancel()
    assert one.outcome
    assert not one.spare.taken


def test_nor_does_it_leave_what_had_come_and_was_not_written(scene: Scenes) -> None:
    """It waited for the writer before it."""
    one, _, (other, _) = held_up(scene)
    end: Deferred[None] = Deferred()
    with patch.object(ChunkSink, "settled", lambda _: end):
        one.send(other, 2)
        assert one.spare.taken == CHUNK
        one.download.cancel()
    assert not one.spare.taken
    end.callback(None)
    assert one.outcome


def test_one_that_failed_before_is_waited_for_all_the_same(scene: Scenes) -> None:
    """Its connection is gone, but what it sent last is being written still."""
    one, main, (other, _) = held_up(scene)
    end: Deferred[None] = Deferred()
    with patch.object(ChunkSink, "settled", lambda _: end):
        one.sources[main].hang_up()
        one.send(other, 2)
        one.run(0.2)
        assert not one.outcome
        assert not one.download._holding.chunks.bits
    end.callback(None)
    one.run(0.2)
    assert kept(one)
