"""The crowds of all files: a bounded number of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from p2pfs.chunks import bytes_in
from p2pfs.tracker.crowd import Crowd, CrowdFigures
from p2pfs.tracker.listed_file import ListedFile
from p2pfs.wire.messages import plausible_rate

MOST_CROWDS = 4_096
"""Files whose crowds are followed."""

MOST_MEMBERS = 100_000
"""Downloaders and sources of all of them together, which take less than 100 MB."""

Yardstick: TypeAlias = tuple[int | None, int | None]
"""What a download is measured by: the size of its crowd, and the rate in bytes a second that is
possible, as far as known."""


class Crowds:
    """What peers ask and tell, given to the crowd of its file.

    When there are too many crowds, or too many peers in them, those of which nothing was
    heard for longest are forgotten.
    """

    def __init__(self) -> None:
        # What was heard of last is last.
        self._crowds: dict[str, Crowd] = {}
        self._members = 0

    def asked(self, peer: str, listed: ListedFile, now: float) -> Yardstick:
        """A peer asks where a file is; how many fetch it then, and what each can have."""
        known, held = self._known(listed), 0
        # What it holds is looked at once: they ask all the time.
        if known is None or peer not in known:
            holding = listed.holders.get(peer)
            if not listed.info.totalchunknum or (holding is not None and holding.whole):
                return None, None
            held = 0 if holding is None else bytes_in(listed.info, holding)
        crowd = self._take(listed, now)
        crowd.asked(peer, held, now)
        self._put(listed, crowd)
        rate = crowd.rate_for(peer)
        return crowd.present, None if rate is None else max(1, round(rate))

    def told(
        self, peer: str, listed: ListedFile, up: int | None, down: int | None, now: float
    ) -> None:
        """A holder of a file said what it holds of it, and perhaps how fast its line is."""
        up, down = plausible_rate(up), plausible_rate(down)
        if up is None and self._known(listed) is None:
            return  # what is nobody's download
        held = bytes_in(listed.info, listed.holders[peer])
        crowd = self._take(listed, now)
        crowd.told(peer, held, up, down, now)
        self._put(listed, crowd)

    def gone(self, peer: str, names: Iterable[str], now: float) -> None:
        """A peer holds nothing of these files any more."""
        for name in names:
            crowd = self._crowds.get(name)
            if crowd is not None:
                before = len(crowd)
                crowd.gone(peer, now)
                self._members += len(crowd) - before

    def figures(self, listed: ListedFile, now: float) -> CrowdFigures | None:
        """How the crowd of a file gets on, or its last one did; None without one."""
        crowd = self._known(listed)
        return None if crowd is None else crowd.figures(now)

    def _known(self, listed: ListedFile) -> Crowd | None:
        crowd = self._crowds.get(listed.name)
        return crowd if crowd is not None and crowd.info == listed.info else None

    def _take(self, listed: ListedFile, now: float) -> Crowd:
        """The crowd of a file, perhaps a new one, to be put back when it has been dealt with."""
        known, crowd = self._known(listed), self._crowds.pop(listed.name, None)
        if crowd is not None:
            self._members -= len(crowd)
        return known or Crowd(listed.info, now)

    def _put(self, listed: ListedFile, crowd: Crowd) -> None:
        self._crowds[listed.name] = crowd
        self._members += len(crowd)
        while len(self._crowds) > MOST_CROWDS or self._members > MOST_MEMBERS:
            quiet = next(iter(self._crowds))
            self._members -= len(self._crowds.pop(quiet))
