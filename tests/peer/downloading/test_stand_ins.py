"""Chunks taken back from those that hold them up."""

from __future__ import annotations

from p2pfs.peer.policy.experience import MOST_CREDIT
from tests.peer.download_scene import Scene, Scenes, address

QUICK, SLOW = NAMES = address(1), address(2)


def in_flight(one: Scene, name: str) -> list[int]:
    """The chunks that are asked of a source."""
    asked = one.download._in_flight.chunks.items()
    return [number for number, each in asked if str(each.source.address) == name]


def deliver(one: Scene, name: str) -> None:
    """Have a source send all that is asked of it."""
    while chunks := in_flight(one, name):
        one.send(name, chunks[0])
        one.clock.advance(0)


def error_of(one: Scene, name: str) -> str:
    """What is remembered of a source."""
    [state] = [each for each in one.download.explain().sources if each.address == name]
    return state.error


def test_a_trial_in_vain_ends_when_another_could_have_the_chunk(scene: Scenes) -> None:
    """Long before anybody would be given up for its silence."""
    one = scene(silence=600.0, no_source=600.0)
    one.reachable = set(NAMES)
    one.start(*NAMES)
    held_up = in_flight(one, SLOW)
    deliver(one, QUICK)
    assert not one.sources[SLOW].aborted
    one.run(lambda: one.sources[SLOW].aborted)
    assert one.clock.seconds() < 1.0
    assert "it brought nothing while it was on trial" in error_of(one, SLOW)
    one.run(0.2)
    assert in_flight(one, QUICK) == held_up


def test_a_trial_in_vain_goes_on_when_nobody_could(scene: Scenes) -> None:
    """A slow source is better than none."""
    one = scene(silence=600.0, no_source=600.0)
    one.reachable = {SLOW}
    one.start(SLOW)
    one.run(60.0)
    assert not one.sources[SLOW].aborted


def slow_end(scene: Scenes) -> Scene:
    """A download in which all is there but what a proven source sends slowly."""
    one = scene(silence=600.0, no_source=600.0)
    one.reachable = set(NAMES)
    one.proven(*NAMES * MOST_CREDIT)
    one.start(*NAMES)
    one.clock.advance(0.1)
    deliver(one, QUICK)
    first, second = in_flight(one, SLOW)
    one.send(SLOW, first)
    one.send(SLOW, second, length=0)
    return one


def drip(one: Scene, pieces: int, count: int) -> None:
    """Have so many bytes come from the slow source each fifth of a second, while it may."""
    for _ in range(pieces):
        if one.sources[SLOW].aborted:
            return
        one.sources[SLOW].deliver(b" " * count)
        one.run(0.2)


def test_a_much_slower_source_is_let_go_at_the_end(scene: Scenes) -> None:
    """Though it sends all the time; others have the chunk sooner than the rest would come."""
    one = slow_end(scene)
    held_up = in_flight(one, SLOW)
    drip(one, 30, 10)
    assert one.sources[SLOW].aborted
    assert "it was much slower than others" in error_of(one, SLOW)
    assert sorted(in_flight(one, QUICK)) == sorted(held_up)


def test_one_that_is_nearly_as_quick_is_left_in_peace(scene: Scenes) -> None:
    """What has come of its chunk would be thrown away."""
    one = slow_end(scene)
    drip(one, 16, 60)
    assert not one.sources[SLOW].aborted
