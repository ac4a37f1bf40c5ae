"""What a download says of itself."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from p2pfs.peer.downloading.explanation import (
    MAX_GROUPS,
    AskedFacts,
    Explanation,
    Facts,
    SourceFacts,
    TroubleFacts,
    explain,
    summary,
)


def facts(*sources: SourceFacts, total: int = 8, **given: Any) -> Facts:
    """A download of which everything is missing, unless said otherwise."""
    given.setdefault("missing", (1 << total) - 1)
    given.setdefault("asked", {})
    given.setdefault("troubles", {})
    given.setdefault("waited", 0.0)
    given.setdefault("tracker", "asks the tracker in 1.5 s")
    return Facts(total=total, sources=list(sources), patience=60.0, **given)


def stories(explanation: Explanation) -> dict[str, list[str]]:
    """What happens next, by chunks."""
    return {group.chunks: group.next for group in explanation.groups}


def test_chunks_with_the_same_story_are_told_together() -> None:
    """Held by nobody, by one that rests, by one that is busy, and asked: each its own next step."""
    explanation = explain(
        facts(
            SourceFacts("a", 0b0000_0011, "resting", left=4.0, error="a: it was silent"),
            SourceFacts("b", 0b0011_1100, "connected", in_flight=2, window=2, rate=1000.4),
            asked={4: AskedFacts("b", 3.0), 5: AskedFacts("b", 2.0)},
        )
    )
    assert stories(explanation) == {
        "6-7": ["asks the tracker in 1.5 s"],
        "0-1": ["a rests 4.0 s more"],
        "2-3": ["waits until b has sent the 2 chunks that it is asked for"],
        "4-5": ["is being sent by b, asked 3.0 s ago"],
    }
    unheld, resting, _, asked = explanation.groups
    assert (unheld.holders, unheld.error) == ([], "")
    assert (resting.holders, resting.error) == (["a"], "a: it was silent")
    assert (asked.asked, asked.rate, asked.count) == ("b", 1000, 2)


def test_a_turn_is_waited_for() -> None:
    """Nothing is asked of a source that takes turns until it offers something."""
    explanation = explain(facts(SourceFacts("a", 0b11, "connected", window=2, takes_turns=True)))
    assert stories(explanation)["0-1"] == ["waits until a, which serves others too, offers it"]


def test_a_source_that_failed_before_is_told_once() -> None:
    """Chunks asked of it are one group, whether they failed before or only their source did."""
    source = SourceFacts("a", 0b11, "connected", error="a: it was silent", error_ago=2.0)
    explanation = explain(
        facts(
            source,
            total=2,
            asked={0: AskedFacts("a", 1.0), 1: AskedFacts("a", 1.0)},
            troubles={1: TroubleFacts("a: it was silent", 2.0, 3)},
        )
    )
    [group] = explanation.groups
    assert (group.chunks, group.error, group.attempts) == ("0-1", "a: it was silent", 3)


def test_what_a_source_denied_is_told() -> None:
    """The tracker's word and the source's own are both shown."""
    source = SourceFacts("a", 0b11, "connected", denied=0b01, left=6.0, window=2)
    explanation = explain(facts(source, total=2))
    assert stories(explanation) == {
        "0": ["a said that it lacks them, is believed 6.0 s more"],
        "1": ["is about to be asked of a"],
    }
    assert [group.denied for group in explanation.groups] == [["a"], []]


def test_the_last_trouble_of_a_chunk_is_told() -> None:
    """With the number of attempts, whoever holds it by now."""
    told = facts(total=2, missing=0b10, troubles={1: TroubleFacts("b: it was silent", 5.0, 3)})
    [group] = explain(told).groups
    assert (group.error, group.error_seconds_ago, group.attempts) == ("b: it was silent", 5.0, 3)
    assert summary(told) == "1: held by nobody known (last error: b: it was silent)"


def test_what_is_waited_for_besides_sources() -> None:
    """Connections, the disk, the hash list, the end of patience."""
    states = {
        "connecting": "connects to a",
        "idle": "waits for a free connection",
        "banned": "a is not asked again by this download",
        "connected": "waits for the disk",
    }
    for state, step in states.items():
        source = SourceFacts("a", 1, state, window=2)
        told = explain(facts(source, total=1, may_connect=False, waits_for_disk=True))
        assert stories(told) == {"0": [step]}
    source = SourceFacts("a", 1, "connected", window=2)
    told = explain(
        facts(source, total=1, needs_hash_list=True, hash_list_asked=AskedFacts("a", 2.0))
    )
    assert stories(told) == {"0": ["waits for the hash list"]}
    assert told.general[0] == "the hash list is asked of a, 2.0 s ago"
    arrived = explain(facts(source, total=1, asked={0: AskedFacts("a", 2.0, True)}))
    assert stories(arrived) == {"0": ["is here, waits for the disk"]}
    assert explain(facts(waited=23.0)).general[-1] == (
        "nothing useful came for 23 s, gives up in 37 s unless a source delivers"
    )


def test_the_summary_goes_by_holders() -> None:
    """Chunks that were tried and others of the same holder are one entry, with the last error."""
    told = facts(
        SourceFacts("a", 0b0111, "resting", error="a: it closed the connection", error_ago=9.0),
        total=4,
        troubles={0: TroubleFacts("a: x", 5.0, 1), 1: TroubleFacts("a: it was silent", 2.0, 1)},
    )
    assert summary(told) == (
        "3: held by nobody known; 0-2: held by a (last error: a: it was silent)"
    )


@given(
    st.lists(st.integers(0, (1 << 300) - 1), max_size=40),
    st.dictionaries(st.integers(0, 299), st.sampled_from("abcdefgh" * 5), max_size=300),
)
def test_the_size_is_bounded(bitfields: list[int], errors: dict[int, str]) -> None:
    """However scattered the chunks are: few groups, a short summary, and every chunk counted."""
    told = facts(
        *(SourceFacts(f"s{i}", bits, "idle") for i, bits in enumerate(bitfields)),
        total=300,
        troubles={c: TroubleFacts(error * 50, 1.0, 1) for c, error in errors.items()},
    )
    explanation = explain(told)
    assert len(explanation.groups) <= MAX_GROUPS
    assert len(explanation.sources) <= MAX_GROUPS
    assert sum(group.count for group in explanation.groups) + explanation.more_chunks == 300
    assert len(explanation.sources) + explanation.more_sources == len(bitfields)
    assert 0 < len(summary(told)) <= 300
    for group in explanation.groups:
        assert len(group.chunks) < 150
