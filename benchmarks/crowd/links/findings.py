"""What came of several runs, for people. Times are in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from benchmarks.crowd.links.race import Run
from benchmarks.crowd.outcome import Outcome

COUNTED = (
    "What was sent is what the interfaces counted. The bound knows nothing of packets, their "
    "headers and acknowledgements; the floor is what plain TCP needs where every link is full "
    "from the beginning."
)


def typical(runs: Sequence[Run]) -> Outcome:
    """The medians of several runs; the curves are those of the run whose end was the median."""
    outcomes = [run.outcome for run in runs]
    by_end = sorted(outcomes, key=lambda outcome: outcome.ends[-1])
    ends = zip(*(outcome.ends for outcome in outcomes), strict=True)
    return Outcome(
        outcomes[0].bound,
        ends=[median(of_rank) for of_rank in ends],
        copies_of_source=median(outcome.copies_of_source for outcome in outcomes),
        overhead=median(outcome.overhead for outcome in outcomes),
        curves=by_end[(len(by_end) - 1) // 2].curves,
    )


def report(name: str, runs: Sequence[Run]) -> str:
    """The findings on one contender."""
    busy = f"  the processors were busy {100 * median(run.busy for run in runs):.0f} % of the time"
    return "\n".join([name, typical(runs).report, busy])


def ratio(ours: Sequence[Run], theirs: Sequence[Run]) -> str:
    """How many times as long ours took: the median of what it is in each round."""

    def of(place: int) -> float:
        pairs = zip(ours, theirs, strict=True)
        return median(
            ours.outcome.ends[place] / theirs.outcome.ends[place] for ours, theirs in pairs
        )

    middle = len(ours[0].outcome.ends) // 2
    return f"{of(0):.3f} first, {of(middle):.3f} median, {of(-1):.3f} last finisher"
