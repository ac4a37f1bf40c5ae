"""How long a download waits, for whom, and how it ends."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from p2pfs.chunks import ChunkSet, FileInfo
from p2pfs.peer.downloading.running import HEARTBEAT
from p2pfs.wire.messages import PeerRequestChunk, ReplyFileLocation, decode
from tests.peer.download_scene import Scene, Scenes, address


def test_a_gap_in_our_own_running_is_no_waiting(scene: Scenes) -> None:
    """A stopped process or a sleeping machine does not use up a download's patience."""
    one = scene()
    one.start()
    one.run(50.0)
    one.clock.advance(100_000.0)
    one.run(9.0)
    assert not one.outcome
    one.run(2.0)
    assert "within 60 s" in one.error


def test_a_gap_in_our_own_running_is_nobodys_silence(scene: Scenes) -> None:
    """A source that owed an answer when this process was stopped keeps its connection."""
    one = scene()
    one.reachable = {address(1)}
    one.start(address(1))
    first = one.sources[address(1)]
    one.run(1.0)
    one.clock.advance(8.6)
    one.run(8.0)
    assert not first.aborted
    one.run(4.0)
    assert first.aborted
    assert "silent" in one.download.explain().sources[0].error


@pytest.mark.parametrize("beginning", [b"", b'{"type":'])
def test_a_dripping_source_ends_in_time_and_is_named(scene: Scenes, beginning: bytes) -> None:
    """To have asked is no progress: 60 s after the last that came, it ends, and says why."""
    one = scene()
    one.reachable = {address(1)}
    one.start(address(1))

    def drip() -> bool:
        transport = one.sources[address(1)]
        if not transport.aborted:
            transport.deliver(b" ")
        return bool(one.outcome)

    one.run(drip)
    assert 60 <= one.clock.seconds() < 75
    assert "0-3: held by 192.0.2.2:1001 (last error: 192.0.2.2:1001: it sent less" in one.error
    assert "less than 64 bytes a second" in one.error
    assert "'why x' says more" in one.error
    assert len(one.error) < 600


def test_a_source_that_only_ever_begins_ends_in_time(scene: Scenes) -> None:
    """Bytes that never make a chunk do not count as progress for ever."""
    one = scene()
    one.reachable = {address(1)}
    one.start(address(1))
    seen: set[int] = set()

    def burst() -> bool:
        transport = one.sources[address(1)]
        if id(transport) not in seen and not transport.aborted:
            seen.add(id(transport))
            transport.deliver(b" " * 900)
        elif not transport.aborted:
            transport.deliver(b" ")
        return bool(one.outcome)

    one.run(burst, 600.0)
    assert "less than 64 bytes a second" in one.error


def test_a_slow_source_is_waited_for(scene: Scenes) -> None:
    """As long as enough comes it may take many times the patience for a source."""
    one = scene()
    one.reachable = {address(1)}
    one.start(address(1))

    def trickle() -> bool:
        one.sources[address(1)].deliver(b" " * 20)
        return bool(one.outcome)

    one.clock.advance(0)
    with pytest.raises(AssertionError, match="did not happen"):
        one.run(trickle, 300.0)
    [group] = [g for g in one.download.explain().groups if g.asked]
    assert group.next[0].startswith("is being sent by 192.0.2.2:1001, asked")
    assert group.rate == pytest.approx(100, abs=25)


def test_the_end_is_the_same_each_time(scene: Scenes) -> None:
    """Chains are ended in the order in which they began, whatever their places in memory."""
    for _ in range(5):
        one = scene()
        one.reachable = {address(n) for n in range(4)}
        one.start(*map(address, range(4)))
        begun = list(one.download._in_flight.chunks)
        assert len(begun) == 4
        one.download.cancel()
        assert list(one.download._in_flight.troubles) == begun


OTHER = ReplyFileLocation("x", FileInfo(5, 1, 5), {address(7): b"\x80"})
"""What the tracker says once another content has the name."""


def asked_chunks(one: Scene, count: int) -> list[int]:
    """The chunks that its only source was asked for, once these are so many."""
    one.run(lambda: one.asked_for(address(1)) >= count)
    requests = map(decode, one.heard[address(1)].splitlines())
    return [request.chunknum for request in requests if isinstance(request, PeerRequestChunk)]


def test_what_was_replaced_goes_on_with_those_that_have_it_all(scene: Scenes) -> None:
    """A publisher that gave it up, or another tracker, is no reason to break it off."""
    one = scene()
    one.reachable = {address(1), address(7)}
    one.start(address(1))
    one.tell(OTHER)
    one.run(1.0)
    assert not one.outcome
    assert one.known == {address(1)}
    for number in range(4):
        one.send(address(1), asked_chunks(one, number + 1)[number])
    assert one.outcome == [None]


def test_what_was_replaced_ends_with_its_last_hope(scene: Scenes) -> None:
    """Within a beat of that, with what happened, and where what came is."""
    one = scene()
    one.reachable = {address(1)}
    one.start(address(1))
    one.send(address(1), *asked_chunks(one, 1))
    one.tell(OTHER)
    one.sources[address(1)].hang_up()
    one.run(HEARTBEAT)
    assert "The content of 'x' was replaced by another while it was downloaded" in one.error
    assert "what came of the old one is kept in x.part" in one.error


def test_what_was_replaced_and_is_listed_again_goes_on(scene: Scenes) -> None:
    """What the tracker said last counts."""
    one = scene()
    one.reachable = {address(1)}
    one.start(address(1))
    one.tell(OTHER)
    one.reachable = {address(1), address(2)}
    one.tell(one.named(address(2)))
    one.sources[address(1)].hang_up()
    one.run(5.0)
    assert not one.outcome


def test_what_was_replaced_before_anything_came_names_no_place(scene: Scenes) -> None:
    """There is nothing that is kept."""
    one = scene()
    one.start()
    one.tell(OTHER)
    one.run(HEARTBEAT)
    assert one.error.endswith("download it again to get the new one.")


def test_what_was_replaced_ends_when_those_at_work_lack_something(scene: Scenes) -> None:
    """Nobody else will come: what they could still give would be for nothing."""
    one = scene()
    one.reachable = {address(1)}
    one.download.start(one.named(address(1), chunks=ChunkSet(4, 0b0111)))
    one.run(lambda: one.asked_for(address(1)) > 0)
    one.tell(OTHER)
    one.run(HEARTBEAT)
    assert "was replaced" in one.error


def test_the_crowd_of_another_content_is_not_that_of_this_one(scene: Scenes) -> None:
    """What it could have is shown while it goes on."""
    one = scene()
    one.reachable = {address(1)}
    one.start(address(1))
    one.tell(replace(OTHER, crowd=50, rate=1000))
    assert not one.outcome
    assert (one.download.pace.crowd, one.download.pace.possible_beside(None)) == (0, None)
