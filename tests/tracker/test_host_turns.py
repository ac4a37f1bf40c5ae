"""Some peers by chance, hosts in turn."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from p2pfs.tracker.host_turns import HostTurns


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5), st.booleans()), max_size=80),
    st.integers(1, 12),
    st.integers(0, 3),
)
def test_turns_are_fair_whoever_comes_and_goes(
    changes: list[tuple[int, int, bool]], count: int, seed: int
) -> None:
    """Nobody twice, nobody who is out, and no host two more than one that has more to give."""
    turns, there = HostTurns(), dict[tuple[str, str], None]()
    for number, peer, comes in changes:
        entry = f"h{number}", f"h{number}:{peer}"
        if comes and entry not in there:
            turns.add(*entry)
            there[entry] = None
        elif not comes and entry in there:
            turns.remove(*entry)
            del there[entry]
    out = {f"h{n}:0" for n in range(3)}
    able = {peer: host for host, peer in there if peer not in out}
    drawn = turns.draw(count, Random(seed), out)
    assert len(drawn) == len(set(drawn)) == min(count, len(able))
    assert set(drawn) <= able.keys()
    counts, totals = Counter(able[peer] for peer in drawn), Counter(able.values())
    for host, total in totals.items():
        assert counts[host] == total or counts[host] + 1 >= max(counts.values())
