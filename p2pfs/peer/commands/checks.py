"""What ``doctor`` makes of what it found: what is well, what is not, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from p2pfs.console.rendering import size_text
from p2pfs.peer.system_limits import SystemLimits

LEAST_ROOM = 100 << 20
"""Bytes that are to be free where a peer keeps something."""

MOST_TIME_APART = 5.0
"""Seconds that the clocks of two machines may differ."""

ENOUGH_FILES = 1_060
"""Files that have to be allowed open for a peer to serve as many connections as it ever does."""

ENOUGH_BUFFER = 4 << 20
"""Bytes that a connection's buffer has to be allowed: they fill a line of 1 Gbit/s over 32 ms."""


@dataclass(frozen=True)
class Check:
    """What was looked at, whether it is well (None where that is not known), and how it stands."""

    name: str
    ok: bool | None
    text: str

    @property
    def line(self) -> str:
        """The same for people."""
        mark = {True: "ok", False: "FAIL", None: "?"}[self.ok]
        return f"{mark:<4}  {self.name:<10}  {self.text}"

    @property
    def data(self) -> dict[str, Any]:
        """The same for scripts."""
        return asdict(self)


def tracker_check(tracker: str | None, joined_as: str | None, problem: str) -> Check:
    """Whether the tracker knows this peer."""
    if tracker is None:
        return Check("tracker", False, "There is none; join one with 'connect HOST PORT'.")
    if joined_as is not None:
        return Check("tracker", True, f"{tracker} is joined, as {joined_as}.")
    return Check("tracker", False, problem or f"{tracker} is not joined yet; try again soon.")


def reach_check(found: bool | None, warning: str, not_tried: str) -> Check:
    """Whether others can connect to this peer.

    ``found`` is what the tracker says of it, ``warning`` what is known to be wrong, and
    ``not_tried`` why the tracker did not try just now, if so.
    """
    if warning:
        return Check("reachable", False, warning)
    if found:
        return Check("reachable", True, "Others can connect to this peer: the tracker tried.")
    return Check("reachable", None, not_tried or "The tracker has not said whether others can.")


def room_check(place: str, free: int) -> Check:
    """Whether there is room where something is kept; ``free`` is in bytes."""
    if free < LEAST_ROOM:
        text = f"{size_text(free)} are free at {place}; make room, or downloads there will fail."
        return Check("room", False, text)
    return Check("room", True, f"{size_text(free)} are free at {place}.")


def away_check(places: Sequence[Path]) -> Check:
    """That places where something is kept cannot be looked at."""
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    text = f"{places[0]}{more} cannot be looked at; see that the disk is there."
    return Check("room", False, text)


def clock_check(offset: float | None) -> Check:
    """Whether this machine and the tracker's agree on the time; ``offset`` is how far it is ahead.

    It is in seconds, None where the tracker does not tell its time.
    """
    if offset is None:
        return Check("clock", None, "The tracker has not told its time of day.")
    if abs(offset) > MOST_TIME_APART:
        way = "behind" if offset > 0 else "ahead of"
        text = f"This clock is {abs(offset):.0f} s {way} the tracker's; set both by NTP."
        return Check("clock", False, text)
    return Check("clock", True, f"It is within {MOST_TIME_APART:.0f} s of the tracker's.")


def files_check(limits: SystemLimits) -> Check:
    """Whether enough files may be open."""
    most = limits.open_files
    if most is not None and most < ENOUGH_FILES:
        text = (
            f"{most} may be open, so that few others are served at a time; raise the limit, for "
            "instance by LimitNOFILE=65536 in the unit."
        )
        return Check("open files", False, text)
    return Check("open files", True, "As many as one likes." if most is None else f"{most} may be.")


def buffers_check(limits: SystemLimits) -> Check:
    """Whether the buffers of connections may grow as lines need it."""
    for name, most in (("tcp_rmem", limits.receive_buffer), ("tcp_wmem", limits.send_buffer)):
        if most is None:
            return Check("buffers", None, "The system does not say how far buffers may grow.")
        if most < ENOUGH_BUFFER:
            text = (
                f"A connection's buffer may have {size_text(most)} (net.ipv4.{name}), too little "
                f"for fast lines over far ways; give it {size_text(ENOUGH_BUFFER)} by sysctl."
            )
            return Check("buffers", False, text)
    return Check("buffers", True, "They may grow as fast lines need it.")
