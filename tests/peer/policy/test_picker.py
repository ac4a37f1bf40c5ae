"""Which chunk next, from whom."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from p2pfs.chunks import ChunkSet
from p2pfs.peer.policy.availability import count
from p2pfs.peer.policy.picker import MAX_WINDOW, MIN_WINDOW, Picker, Standing


def picker(total: int, sources: dict[str, set[int]], seed: int = 1, done: Any = ()) -> Picker:
    """A picker for a file, its sources ready."""
    made = Picker(ChunkSet.of(total, done), Random(seed))
    for name, chunks in sources.items():
        made.set_chunks(name, ChunkSet.of(total, chunks).bits)
        made.set_ready(name, 0.0, credit=MAX_WINDOW)
    return made


def drain(made: Picker, seconds: float = 0.1) -> list[tuple[str, int]]:
    """Pick and succeed until there is nothing to pick; the picks in order."""
    picks = []
    while (pick := made.pick()) is not None:
        made.succeeded(pick[1], seconds)
        picks.append(pick)
    return picks


@given(st.lists(st.integers(0, (1 << 20) - 1), max_size=40))
def test_counting_by_bit_slicing_is_counting(bitfields: list[int]) -> None:
    """Plane k has bit k of how many bitfields have each bit."""
    planes = count(bitfields)
    for bit in range(20):
        counted = sum((plane >> bit & 1) << k for k, plane in enumerate(planes))
        assert counted == sum(bits >> bit & 1 for bits in bitfields)


@given(st.lists(st.sets(st.integers(0, 29), max_size=30), min_size=1, max_size=6), st.integers())
def test_the_rarest_chunk_comes_first(holdings: list[set[int]], seed: int) -> None:
    """Each pick is held by the fewest of all known sources, of those left that can be had."""
    made = picker(30, {f"s{i}": chunks for i, chunks in enumerate(holdings)}, seed)
    count = Counter(chunk for chunks in holdings for chunk in chunks)
    rarities = [count[chunk] for _, chunk in drain(made)]
    assert rarities == sorted(count.values())


def test_rarity_follows_what_sources_get() -> None:
    """A chunk that others got meanwhile is not rare any more, nor common once they left."""
    made = picker(4, {"a": {0, 1, 2, 3}})
    made.set_chunks("b", 0b0111)
    first = made.pick()
    assert first == ("a", 3)
    made.succeeded(3, 0.1)
    made.set_chunks("b", 0b0101)
    second = made.pick()
    assert second == ("a", 1)
    made.succeeded(1, 0.1)
    made.set_chunks("b", 0b0001)
    made.set_chunks("c", 0b0100)
    made.set_chunks("d", 0b0100)
    third = made.pick()
    assert third == ("a", 0)
    made.failed(0)
    made.forget("c")
    made.forget("d")
    assert made.pick() == ("a", 2)


def test_sources_without_connection_count_for_rarity() -> None:
    """What an unconnected source holds is not rare, though it cannot be asked for it now."""
    made = picker(3, {"a": {0, 1, 2}})
    made.set_chunks("away", 0b011)
    made.set_chunks("away too", 0b001)
    assert [chunk for _, chunk in drain(made)] == [2, 1, 0]


@pytest.mark.parametrize("total", [10, 1000])
def test_equally_rare_chunks_are_spread(total: int) -> None:
    """Downloaders that start together do not all ask for the same chunk."""
    firsts = [picker(total, {"a": set(range(total))}, seed).pick() for seed in range(400)]
    chunks = Counter(chunk for pick in firsts if pick for chunk in [pick[1]])
    assert sum(chunks.values()) == 400
    assert len(chunks) >= min(total, 250)
    assert max(chunks.values()) < 400 // min(total, 40) * 3


def test_the_nearer_source_is_preferred() -> None:
    """Of two sources not yet measured, the one with the shorter round trip is asked."""
    made = picker(20, {"far": set(range(20)), "near": set(range(20))})
    made.set_ready("far", 0.5, credit=1)
    made.set_ready("near", 0.001, credit=1)
    assert [pick[0] for pick in (made.pick(), made.pick()) if pick] == ["near", "near"]


def test_the_quicker_source_is_preferred() -> None:
    """Of two sources measured, the one that is to deliver sooner is asked."""
    made = picker(99, {"slow": set(range(99)), "quick": set(range(99))})
    for pick in [made.pick() for _ in range(2 * MIN_WINDOW)]:
        assert pick is not None
        made.succeeded(pick[1], 1.0 if pick[0] == "slow" else 0.01)
    assert [pick[0] for pick in (made.pick(), made.pick()) if pick] == ["quick", "quick"]


def test_every_source_gets_used() -> None:
    """A slow source adds what it can: the quick one's window fills, and it is its turn."""
    made = picker(100, {"quick": set(range(100)), "slow": set(range(100))})
    picks = [made.pick() for _ in range(2 * MIN_WINDOW)]
    assert Counter(pick[0] for pick in picks if pick) == {"quick": 2, "slow": 2}
    assert made.pick() is None


def test_the_window_grows_with_speed_within_limits() -> None:
    """A quick source has up to 16 requests in flight, a slow one never fewer than 2."""
    for seconds, window in ((1e-9, MAX_WINDOW), (0.02, 6), (10.0, MIN_WINDOW)):
        made = picker(100, {"a": set(range(100))})
        first = made.pick()
        assert first is not None
        made.succeeded(first[1], seconds)
        picks = 0
        while made.pick() is not None:
            picks += 1
        assert picks == window == made.in_flight


def test_the_window_grows_with_what_was_delivered() -> None:
    """Who has delivered nothing holds up one chunk, and each that comes is answered by one more."""
    made = Picker(ChunkSet(200), Random(1))
    made.set_chunks("a", (1 << 200) - 1)
    made.set_ready("a", 0.0)
    for window in range(1, MAX_WINDOW):
        flying = made.in_flight
        while (pick := made.pick()) is not None:
            flying, chunknum = flying + 1, pick[1]
        assert flying == window
        made.succeeded(chunknum, 1e-9)


def test_a_proven_source_comes_first() -> None:
    """Those on trial get what it has no room for, hosts alike."""
    made = Picker(ChunkSet(9), Random(1))
    for name, host, credit in (("a1", "a", 0), ("a2", "a", 0), ("b", "b", 0), ("proven", "c", 5)):
        made.set_chunks(name, (1 << 9) - 1)
        made.set_ready(name, 0.0, credit=credit, host=host)
    picked = [pick[0] for pick in [made.pick() for _ in range(5)] if pick]
    assert picked == ["proven", "proven", "a1", "b", "a2"]
    assert made.pick() is None


def test_what_was_lost_on_trial_goes_to_the_best_that_are_left() -> None:
    """To a proven source, to one that chooses itself, and only then to the next one on trial."""
    made = Picker(ChunkSet(1), Random(1))
    for name in ("first", "next", "doubtful", "chooser", "proven"):
        made.set_chunks(name, 1)
    made.set_ready("first", 0.0)
    assert made.pick() == ("first", 0)
    made.set_away("first")
    made.set_ready("proven", 0.0, chooses=True, credit=1)
    made.set_ready("chooser", 0.0, chooses=True)
    made.set_ready("next", 0.0)
    made.set_ready("doubtful", 0.0)
    made.set_standing("next", Standing.FRESH_TO_ASK)
    made.set_standing("doubtful", Standing.DOUBTFUL)
    made.failed(0)
    allowed = []
    for best in ("proven", "chooser", "next"):
        views = {name: made.view(name) for name in ("proven", "chooser", "next", "doubtful")}
        allowed.append([name for name, view in views.items() if view and made.wanted_of(view)])
        made.set_away(best)
    assert allowed == [["proven"], ["proven", "chooser"], ["proven", "chooser", "next"]]
    assert made.pick() == ("doubtful", 0)


def test_cost_counts_what_is_in_flight() -> None:
    """Of two sources as quick as each other the less busy one is asked."""
    made = picker(50, {"a": set(range(50)), "b": set(range(50))})
    pick = [made.pick() for _ in range(4)]
    for one in pick:
        assert one is not None
        made.succeeded(one[1], 0.02)
    picks = [made.pick() for _ in range(8)]
    names = [one[0] for one in picks if one]
    assert all(abs(names[:n].count("a") - names[:n].count("b")) <= 1 for n in range(9))


def test_a_failed_chunk_is_wanted_again() -> None:
    """It is missing, and asked of another source once the first is forgotten."""
    made = picker(1, {"a": {0}})
    assert made.pick() == ("a", 0)
    assert (made.finished, made.in_flight, made.missing) == (False, 1, 0)
    made.failed(0)
    assert (made.finished, made.in_flight, made.missing) == (False, 0, 1)
    made.forget("a")
    assert made.pick() is None
    made.set_chunks("b", 1)
    made.set_ready("b", 0)
    assert made.pick() == ("b", 0)
    made.succeeded(0, 1.0)
    assert made.finished


def test_what_is_done_is_not_wanted() -> None:
    """A resumed download asks for the rest only."""
    made = picker(5, {"a": set(range(5))}, done=[0, 2, 4])
    assert {chunk for _, chunk in drain(made)} == {1, 3}
    assert made.finished
    assert picker(0, {}).finished


def test_what_nobody_holds_is_told() -> None:
    """The missing chunks beyond a set of sources, and whether a source has any use."""
    made = picker(6, {"a": {0, 1}}, done=[0])
    assert made.wants_from(0b10)
    assert not made.wants_from(0b01)


def test_a_source_that_was_forgotten_and_comes_back_starts_at_zero() -> None:
    """Requests in flight to the forgotten one do not widen the window of the new one."""
    made = picker(10, {"a": set(range(10))})
    old = [made.pick() for _ in range(MIN_WINDOW)]
    made.forget("a")
    made.set_chunks("a", (1 << 10) - 1)
    made.set_ready("a", 0.0, credit=1)
    for pick in old:
        assert pick is not None
        made.failed(pick[1])
    picks = 0
    while made.pick() is not None:
        picks += 1
    assert picks == MIN_WINDOW


class Interleaving(RuleBasedStateMachine):
    """Sources come and go while chunks are asked for, arrive and fail."""

    TOTAL = 12

    def __init__(self) -> None:
        super().__init__()
        self.picker = Picker(ChunkSet(self.TOTAL), Random(1))
        self.sources: dict[str, set[int]] = {}
        self.ready: set[str] = set()
        self.flying: dict[int, str] = {}
        self.done: set[int] = set()

    @rule(
        name=st.sampled_from(["a", "b", "c"]),
        chunks=st.sets(st.integers(0, TOTAL - 1)),
        up=st.booleans(),
    )
    def know(self, name: str, chunks: set[int], up: bool) -> None:
        self.picker.set_chunks(name, ChunkSet.of(self.TOTAL, chunks).bits)
        self.sources[name] = chunks
        if up:
            self.picker.set_ready(name, 0.01)
            self.ready.add(name)

    @precondition(lambda self: self.sources)
    @rule(data=st.data(), back=st.booleans())
    def lose(self, data: Any, back: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.sources)))
        for chunk in [c for c, holder in self.flying.items() if holder == name]:
            self.picker.failed(chunk)
            del self.flying[chunk]
        self.ready.discard(name)
        if back:
            self.picker.set_away(name)
        else:
            self.picker.forget(name)
            del self.sources[name]

    @rule(times=st.integers(1, 8))
    def pick(self, times: int) -> None:
        for _ in range(times):
            pick = self.picker.pick()
            if pick is None:
                return
            name, chunk = pick
            assert chunk not in self.flying
            assert chunk not in self.done
            assert name in self.ready
            assert chunk in self.sources[name]
            self.flying[chunk] = name

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), arrives=st.booleans())
    def land(self, data: Any, arrives: bool) -> None:
        chunk = data.draw(st.sampled_from(sorted(self.flying)))
        del self.flying[chunk]
        if arrives:
            self.picker.succeeded(chunk, 0.01)
            self.done.add(chunk)
        else:
            self.picker.failed(chunk)

    @invariant()
    def accounts(self) -> None:
        """Every chunk is done, in flight or missing, and not two of these."""
        missing = set(range(self.TOTAL)) - self.done - set(self.flying)
        assert self.picker.missing == sum(1 << chunk for chunk in missing)
        assert self.picker.in_flight == len(self.flying)
        assert self.picker.finished == (len(self.done) == self.TOTAL)

    def teardown(self) -> None:
        """Whatever came before, what can be had is had, each chunk once."""
        for chunk in self.flying:
            self.picker.failed(chunk)
        left = set(range(self.TOTAL)) - self.done
        reachable = left & {c for name in self.ready for c in self.sources[name]}
        assert sorted(chunk for _, chunk in drain(self.picker)) == sorted(reachable)


class TestInterleaving(Interleaving.TestCase):  # type: ignore[misc]  # hypothesis makes it
    """Any interleaving ends with every reachable chunk picked exactly once."""

    settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
