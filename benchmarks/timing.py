"""Interleaved runs, their medians and the medians of their ratios.

What a machine does beside the benchmark comes and goes within seconds. So the
contenders take turns (A B C A B C …), a ratio is taken between runs of the same
round, and of the ratios the median counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from statistics import median
from typing import NamedTuple

from benchmarks.problems import BenchmarkFailed


class Sample(NamedTuple):
    """What one run took: seconds on the clock, and of processor time where that is known."""

    seconds: float
    cpu: float | None = None


class Contender(NamedTuple):
    """One of the things compared.

    ``run`` does it once and returns what it took; what is not to be measured it
    does before or after. ``check`` is called after the warm-up run, to see that
    the job was really done.
    """

    name: str
    run: Callable[[], Sample]
    check: Callable[[], None] = lambda: None


Samples = Mapping[str, Sequence[Sample]]
"""The samples of every contender, by its name; the n-th of each are of the same round."""

Guard = Callable[[str], AbstractContextManager[None]]
"""Makes what a run of the contender of that name happens in, such as a limit of time."""


def interleave(
    contenders: Sequence[Contender],
    runs: int,
    guard: Guard = lambda name: nullcontext(),
) -> dict[str, list[Sample]]:
    """Let the contenders take turns for ``runs`` rounds, after one that does not count."""
    if runs < 1:
        raise ValueError("there is nothing to take a median of")
    samples: dict[str, list[Sample]] = {contender.name: [] for contender in contenders}
    if len(samples) < len(contenders):
        raise ValueError("two contenders have the same name")
    for at in range(runs + 1):
        for contender in contenders:
            with guard(contender.name):
                sample = contender.run()
                if at == 0:
                    contender.check()
            if sample.seconds <= 0:
                raise BenchmarkFailed(f"A run of '{contender.name}' took no time at all.")
            if at > 0:
                samples[contender.name].append(sample)
    return samples


def median_seconds(samples: Iterable[Sample]) -> float:
    """The median of the times."""
    return median(sample.seconds for sample in samples)


def median_cpu(samples: Sequence[Sample]) -> float | None:
    """The median of the processor times, or None when one is not known."""
    known = [sample.cpu for sample in samples if sample.cpu is not None]
    return median(known) if known and len(known) == len(samples) else None


def time_ratio(samples: Samples, name: str, base: str) -> float:
    """The median over the rounds of the time of ``name`` divided by that of ``base``."""
    pairs = zip(samples[name], samples[base], strict=True)
    return median(mine.seconds / other.seconds for mine, other in pairs)


def cpu_ratio(samples: Samples, name: str, base: str) -> float | None:
    """The same of processor times; None when one is not known, or is nothing."""
    pairs = list(zip(samples[name], samples[base], strict=True))
    ratios = [mine.cpu / other.cpu for mine, other in pairs if mine.cpu and other.cpu]
    return median(ratios) if ratios and len(ratios) == len(pairs) else None
