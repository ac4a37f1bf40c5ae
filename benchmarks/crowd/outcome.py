"""How it went with a crowd, for people."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Outcome:
    """How it went: all times are in seconds from the beginning."""

    bound: float
    """The least time in which all could have had the file."""
    ends: list[float] = field(default_factory=list)
    """When each peer had the file, the first first."""
    copies_of_source: float = 0.0
    """What the source sent, in copies of the file."""
    overhead: float = 0.0
    """What all peers sent to one another beyond a copy for each, in copies for each."""
    curves: list[list[tuple[float, float]]] = field(default_factory=list)
    """For each peer, times and the share of the file it had."""

    def ratio(self, end: float) -> float:
        """A time in units of the bound."""
        return end / self.bound

    @property
    def report(self) -> str:
        """The findings, a line each."""
        ends = self.ends
        named = {"first": ends[0], "median": ends[len(ends) // 2], "last": ends[-1]}
        return "\n".join(
            [
                *(
                    f"  {name + ' finisher':16} {end:8.2f} s  {self.ratio(end):.3f} of the bound"
                    for name, end in named.items()
                ),
                f"  the source sent {self.copies_of_source:.2f} copies; all together sent "
                f"{100 * self.overhead:.1f} % more than a copy for each",
            ]
        )
