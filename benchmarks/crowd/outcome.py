"""How it went with a crowd, for people."""

from __future__ import annotations

from collections.abc import Sequence
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
    """For each peer, or some of them, times and the part of the file it had."""
    own_times: list[float] = field(default_factory=list)
    """How long each took from its own begin, the quickest first, if not all began at once."""
    copy_time: float | None = None
    """How long one copy takes over one link, if that is to be compared with."""
    control: float | None = None
    """Bytes of messages for each byte of chunks, on all links."""
    tracker_messages: float | None = None
    """Messages to the tracker for each chunk that a peer got."""
    without: float | None = None
    """When the last one had it of another crowd, that this one is compared with."""
    without_what: str = ""
    """What the other crowd lacked."""
    events: list[tuple[float, str]] = field(default_factory=list)
    """What happened to them, and when."""

    def ratio(self, end: float) -> float:
        """A time in units of the bound."""
        return end / self.bound

    @property
    def report(self) -> str:
        """The findings, a line each."""
        lines = [
            f"  {name + ' finisher':16} {end:8.2f} s  {self.ratio(end):.3f} of the bound"
            for name, end in _named(self.ends)
        ]
        if self.own_times and self.copy_time is not None:
            lines += [
                f"  {name + ' own time':16} {time:8.2f} s  {time / self.copy_time:.3f} of a copy's"
                for name, time in _named(self.own_times)
            ]
        if self.without is not None:
            ratio = self.ends[-1] / self.without
            lines.append(
                f"  the last took {ratio:.3f} of the {self.without:.2f} s without "
                f"{self.without_what}"
            )
        lines.append(
            f"  the source sent {self.copies_of_source:.2f} copies; all together sent "
            f"{100 * self.overhead:.1f} % more than a copy for each"
        )
        if self.control is not None:
            lines.append(f"  messages were {100 * self.control:.2f} % of the chunks' bytes")
        if self.tracker_messages is not None:
            lines.append(
                f"  each peer sent the tracker {self.tracker_messages:.3f} messages for a chunk"
            )
        lines += [f"  at {at:.2f} s {what}" for at, what in self.events]
        return "\n".join(lines)


def _named(times: Sequence[float]) -> list[tuple[str, float]]:
    return [("first", times[0]), ("median", times[len(times) // 2]), ("last", times[-1])]
