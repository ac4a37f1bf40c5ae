"""When chunks are taken from a slow source."""

from __future__ import annotations

from random import Random

import pytest

from p2pfs.chunks import ChunkSet
from p2pfs.peer.policy.picker import Picker
from p2pfs.peer.policy.stragglers import GAIN, MARGIN, Burden, straggler

MIB = 1 << 20


def burden(source: str = "slow", busy: float = 10.0, came: int = 1000, due: int = MIB) -> Burden:
    """A burden of one chunk."""
    return Burden(source, (0,), busy, came, due)


def test_a_much_slower_source_is_a_straggler() -> None:
    """It has taken long and would take much longer than others."""
    assert straggler([burden()], lambda _: 1.0) == burden()


@pytest.mark.parametrize(
    "unchanged",
    [
        burden(busy=MARGIN + GAIN - 0.1, came=0),
        burden(came=MIB - 10_000),
        burden(came=MIB),
    ],
    ids=["asked just now", "nearly there", "there"],
)
def test_small_gains_are_not_worth_it(unchanged: Burden) -> None:
    """Neither one that was asked just now, nor one that will soon be through, is given up."""
    assert straggler([unchanged], lambda _: 1.0) is None


def test_being_nearly_there_is_no_excuse_for_ever() -> None:
    """What has come may be padding, and never make a chunk."""
    padded = burden(busy=1000.0, came=2 * MIB)
    assert straggler([padded], lambda _: 1.0) is padded


def test_nobody_has_stand_ins_without_others() -> None:
    """A source that alone has the chunks is left in peace, however slow it is."""
    assert straggler([burden(came=0)], lambda _: None) is None


def test_the_slowest_comes_first() -> None:
    """One at a time, so that the others' windows can be looked at again in between."""
    slower = burden("slower", came=10)
    assert straggler([burden(), slower, burden()], lambda _: 1.0) is slower


def picker_with_slow_and_quick(quick_chunks: int = 0b11) -> tuple[Picker, list[int]]:
    """A file of two chunks, both in flight at ``slow``, and another source."""
    made = Picker(ChunkSet(2), Random(1))
    made.set_chunks("slow", 0b11)
    made.set_ready("slow", 0.0, credit=1)
    picks = [made.pick(), made.pick()]
    made.set_chunks("quick", quick_chunks)
    made.set_ready("quick", 0.5, credit=1)
    return made, [pick[1] for pick in picks if pick is not None]


def test_elsewhere_comes_from_who_holds_all() -> None:
    """In the time of a source not tried yet; None when a chunk is nobody else's."""
    made, chunknums = picker_with_slow_and_quick()
    assert made.seconds_elsewhere(chunknums, {"slow", "quick"}, 10.0) == 10.0
    assert made.seconds_elsewhere(chunknums, {"slow"}, 10.0) is None
    made.set_away("quick")
    assert made.seconds_elsewhere(chunknums, {"quick"}, 10.0) is None
    made, chunknums = picker_with_slow_and_quick(0b01)
    assert made.seconds_elsewhere(chunknums, {"quick"}, 10.0) is None


def test_elsewhere_counts_what_the_helper_has_to_do() -> None:
    """Its round trip, its time for a chunk, and what is in flight at it already."""
    made = Picker(ChunkSet(3), Random(1))
    made.set_chunks("quick", 0b100)
    made.set_ready("quick", 0.5, credit=1)
    assert made.pick() == ("quick", 2)
    made.succeeded(2, 2.0)
    made.set_chunks("slow", 0b011)
    made.set_ready("slow", 0.0, credit=1)
    assert made.pick() is not None
    assert made.pick() is not None
    made.set_chunks("quick", 0b111)
    assert made.seconds_elsewhere([0, 1], {"quick"}, 10.0) == 0.5 + 2 * 2.0


def test_a_helper_without_room_is_none() -> None:
    """What it could not be asked for now is not taken from another."""
    made = Picker(ChunkSet(4), Random(1))
    made.set_chunks("quick", 0b1100)
    made.set_ready("quick", 0.0, credit=1)
    made.set_chunks("slow", 0b0011)
    made.set_ready("slow", 0.0, credit=1)
    while made.pick() is not None:
        pass
    made.set_chunks("quick", 0b1111)
    assert made.seconds_elsewhere([0, 1], {"quick"}, 10.0) is None
