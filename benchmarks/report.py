"""What a benchmark found: a table, targets met or missed, and the same for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks import timing
from benchmarks.timing import Samples

MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True)
class Verdict:
    """A target, and what was measured. ``at_least`` targets are met from there upwards."""

    what: str
    measured: float
    target: float
    unit: str = ""
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.measured >= self.target if self.at_least else self.measured <= self.target

    def __str__(self) -> str:
        bound = "at least" if self.at_least else "at most"
        unit = f" {self.unit}" if self.unit else ""
        return (
            f"{self.what}: {self.measured:.2f}{unit}, "
            f"target {bound} {self.target:.3g}{unit}: {'met' if self.met else 'MISSED'}"
        )


@dataclass
class Report:
    """The findings of one benchmark."""

    title: str
    headings: Sequence[str] = ()
    rows: list[Sequence[str]] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    samples: Samples = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)
    """The peak memory of each process, in bytes."""

    def __str__(self) -> str:
        lines = [self.title, *table(self.headings, self.rows)]
        lines += [f"  {verdict}" for verdict in self.verdicts]
        lines += [f"  {note}" for note in self.notes]
        if self.peaks:
            peaks = ", ".join(f"{name} {mib(peak)}" for name, peak in self.peaks.items())
            lines.append(f"  peak memory: {peaks}")
        return "\n".join(lines)

    def data(self) -> dict[str, Any]:
        """The same for JSON."""
        return {
            "title": self.title,
            "samples": {name: [s._asdict() for s in taken] for name, taken in self.samples.items()},
            "table": [dict(zip(self.headings, row, strict=True)) for row in self.rows],
            "targets": [
                {
                    "what": verdict.what,
                    "measured": verdict.measured,
                    "target": verdict.target,
                    "unit": verdict.unit,
                    "at_least": verdict.at_least,
                    "met": verdict.met,
                }
                for verdict in self.verdicts
            ],
            "notes": self.notes,
            "peak_memory_bytes": self.peaks,
        }


def comparison(title: str, samples: Samples, base: str, size: int) -> Report:
    """A report of contenders that each moved ``size`` bytes, with ratios to ``base``."""
    report = Report(
        title,
        ["", "median", "rate", f"time / {base}", "processor time per GiB"],
        samples=samples,
    )
    for name, taken in samples.items():
        seconds = timing.median_seconds(taken)
        cpu = timing.median_cpu(taken)
        report.rows.append(
            [
                name,
                f"{seconds:.3f} s",
                f"{size / MIB / seconds:,.0f} MiB/s",
                f"{timing.time_ratio(samples, name, base):.2f}",
                "" if cpu is None else f"{cpu * GIB / size:.2f} s",
            ]
        )
    return report


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as they have to be: the first to the left, the others to the right."""
    lines = [headings, *rows] if rows else []
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def mib(size: int) -> str:
    """A size in MiB."""
    return f"{size / MIB:,.1f} MiB"
