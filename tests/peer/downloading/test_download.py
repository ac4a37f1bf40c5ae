"""How long a download waits, for whom, and how it ends."""

from __future__ import annotations

import pytest

from tests.peer.download_scene import Scenes, address


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
