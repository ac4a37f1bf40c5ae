"""How those who fetch a file get on, beside what their lines allow. Pure, and only for show.

The *crowd* of a file are its downloaders: those who ask where it is, and lack some of it. Its
sources are those who hold it whole and said how fast they send. What is possible is reckoned
from what all say of their lines, by two bounds put together. For n downloaders, s sources that
send U_s together, downloaders that send U_d together, and m chunks, each can have

    min(U_s, (U_s + U_d) / n) / (1 + floor(log2(n / s)) / m)    bytes a second.

Above the line are links that differ, over which bytes may flow on as they come: Kumar, Ross,
"Peer-assisted file distribution: the minimum distribution time" (2006). Their third bound is
what downloaders can take in. Below the line is what it costs that a chunk must be had whole
before it is passed on, which is exact where links are alike: Mundinger, Weber, Weiss, "Optimal
scheduling of peer-to-peer file dissemination", Journal of Scheduling 11 (2008). Where links
differ and chunks are few, the two together are a yardstick, and no proof.

A line is as fast as it was seen to be. So what a crowd did reach counts as possible, and while
a rate is missing, what is possible is not known.

All times are in seconds, sizes in bytes, rates in bytes a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from p2pfs.chunks import FileInfo

ABSENT_SECONDS = 30.0
"""Who has not asked for so long where a file is has given it up; downloaders ask all the time."""

SILENT_SECONDS = 10.0
"""Who downloads for so long without a word how fast it sends is taken to send nothing.

Nor is it waited for any longer to say how fast it receives.
"""

FEW_SILENT = 0.25
"""The part of a crowd up to which that is so: when more are silent, they may just be idle."""

PACE_SECONDS = 5.0
"""What a crowd does now is what it did in so much time, and up to twice that."""

LEAST_SECONDS = 1.0
"""A least time below this says nothing: other things than lines count then."""

LEAST_KNOWN = 0.25
"""The part of a time for which it must be known what was possible, to be taken for all of it."""


@dataclass(frozen=True)
class CrowdFigures:
    """How a crowd gets on, or how it got on by its end."""

    present: int
    """Those who lack something still."""
    finished: int
    """Those who have got it whole."""
    ratio: float | None
    """How long it took, when the last of these had it, in units of the least time.

    That is what could have come by then, over what came. None if it is not known.
    """
    portion: float | None
    """The part of the possible rate at which those present are served; None if not known."""


class _Downloader:
    """One that lacks something: what it has, what it said, and how many were done before it."""

    __slots__ = ("down", "finished_before", "held", "seen", "up")

    def __init__(self, held: int, finished_before: int) -> None:
        self.held = held
        self.finished_before = finished_before
        self.up: int | None = None
        self.down: int | None = None
        self.seen = 0.0


class _Tally(NamedTuple):
    """What came by a moment, and what could have come in the time of which that is known."""

    at: float
    came: int = 0
    possible: float = 0.0
    known: float = 0.0

    def rate(self, since: _Tally) -> float | None:
        """What was possible on average since then; None if too little is known of it."""
        known = self.known - since.known
        if known <= LEAST_KNOWN * (self.at - since.at):
            return None
        return (self.possible - since.possible) / known


class Crowd:
    """The downloaders and sources of one file."""

    def __init__(self, info: FileInfo, now: float) -> None:
        self.info = info
        self._sources: dict[str, int] = {}
        self._sources_up = 0
        # Those of them that were downloaders of the present crowd.
        self._finishers: dict[str, None] = {}
        self._finishers_up = 0
        # Who was heard of last is last.
        self._downloaders: dict[str, _Downloader] = {}
        self._downloaders_up = 0
        self._downloaders_down = 0
        # Those that have not said how fast they send, or receive, and since when.
        self._silent: dict[str, float] = {}
        self._unmeasured: dict[str, float] = {}
        self._begin(now)

    def _begin(self, now: float) -> None:
        self._finishers.clear()
        self._finishers_up = 0
        self._finished = 0
        self._ratio: float | None = None
        self._tally = self._began = _Tally(now)
        self._marks = [self._began]
        # Those that have told nothing since the last of these moments.
        self._awaited: dict[str, None] = dict.fromkeys(self._downloaders)

    def __len__(self) -> int:
        return len(self._sources) + len(self._downloaders)

    def __contains__(self, peer: object) -> bool:
        """Whether a peer is one of the downloaders."""
        return peer in self._downloaders

    # What is heard

    def asked(self, peer: str, held: int, now: float) -> None:
        """A peer that has that many bytes, but not all, asks where the rest is."""
        self._advance(now)
        member = self._downloaders.pop(peer, None)
        if member is None:
            if not self._downloaders:
                self._begin(now)
            member = _Downloader(held, self._finished)
            self._silent[peer] = self._unmeasured[peer] = now
        member.seen = now
        self._downloaders[peer] = member
        self._mark()

    def told(self, peer: str, held: int, up: int | None, down: int | None, now: float) -> None:
        """A peer says that it has more, that many bytes by now, or how fast its line was seen."""
        self._advance(now)
        member = self._downloaders.get(peer)
        if member is None:
            if held == self.info.filesize and up is not None:
                self._note_source(peer, up)
            return
        self._note_line(peer, member, up, down)
        if not member.held and held > self.info.chunksize:
            # More than one chunk at a time is what was there before, of a download cut off.
            if len(self._downloaders) == 1 and not self._finished:
                self._begin(now)
        else:
            tally = self._tally
            came = tally.came + held - member.held
            self._tally = _Tally(now, came, tally.possible, tally.known)
            self._awaited.pop(peer, None)
            self._mark()
        member.held = held
        if held == self.info.filesize:
            self._finish(peer, member)

    def gone(self, peer: str, now: float) -> None:
        """A peer holds nothing any more."""
        self._advance(now)
        self._remove(peer)
        up = self._sources.pop(peer, 0)
        self._sources_up -= up
        if peer in self._finishers:
            del self._finishers[peer]
            self._finishers_up -= up

    # What is made of it

    @property
    def present(self) -> int:
        """How many downloaders there are."""
        return len(self._downloaders)

    def rate_for(self, peer: str) -> float | None:
        """What a downloader and those that began with it can have each; None if not known.

        Those that are done by now count as they did when it began, so that it can reckon
        with one rate from its beginning to its end.
        """
        member = self._downloaders.get(peer)
        if member is None:
            return None
        count = len(self._downloaders) + self._finished - member.finished_before
        sources, up = len(self._sources), self._sources_up
        if not member.finished_before and sources > len(self._finishers):
            sources, up = sources - len(self._finishers), up - self._finishers_up
        together = self._together(count, sources, up)
        return None if together is None else max(together, self._reached) / count

    def figures(self, now: float) -> CrowdFigures | None:
        """How it gets on; None if there has been no crowd."""
        self._advance(now)
        self._mark()
        if not self._downloaders and not self._finished:
            return None
        return CrowdFigures(len(self._downloaders), self._finished, self._ratio, self._portion)

    # Inside

    @property
    def _portion(self) -> float | None:
        """The part of the possible rate of the last seconds that there was."""
        if not self._downloaders or len(self._marks) < 2:
            return None
        since, until = self._marks
        rate = until.rate(since)
        return (until.came - since.came) / (rate * (until.at - since.at)) if rate else None

    @property
    def _possible(self) -> float | None:
        """What all downloaders together can have; None if that is not known."""
        count = len(self._downloaders)
        together = self._together(count, len(self._sources), self._sources_up)
        if together is None:
            return None
        most: float = self._downloaders_down
        if self._unmeasured:
            if not self._have_had_time(self._unmeasured):
                return None
            most = inf
        return max(min(together, most), self._reached)

    def _together(self, count: int, sources: int, up: int) -> float | None:
        """The same for that many with these sources, apart from what they can take in."""
        if not count or not sources:
            return None
        # Nobody is there for the only one to send to.
        all_up = self._sources_up + (self._downloaders_up if count > 1 else 0)
        if all_up < count * up and not self._all_known:
            return None
        rounds = max(0, (count // sources).bit_length() - 1)  # the logarithm, rounded down
        return min(count * up, all_up) / (1 + rounds / max(1, self.info.totalchunknum))

    @property
    def _all_known(self) -> bool:
        """Whether each has said how fast it sends, but for a few that had the time to."""
        if not self._silent:
            return True
        if len(self._silent) > FEW_SILENT * len(self._downloaders):
            return False
        return self._have_had_time(self._silent)

    def _have_had_time(self, waiting: dict[str, float]) -> bool:
        """Whether even the last of these had the time to say something."""
        return self._tally.at - next(reversed(waiting.values())) >= SILENT_SECONDS

    @property
    def _reached(self) -> float:
        """What all had on average, as far as it was told by now."""
        passed = self._tally.at - self._began.at
        return self._tally.came / passed if passed >= PACE_SECONDS else 0.0

    def _advance(self, now: float) -> None:
        """Let time pass: add up what was possible in it, and drop who has given up."""
        tally, possible = self._tally, self._possible
        passed = 0.0 if possible is None else now - tally.at
        self._tally = _Tally(
            now,
            tally.came,
            tally.possible + (possible or 0.0) * passed,
            tally.known + passed,
        )
        while self._downloaders:
            peer, member = next(iter(self._downloaders.items()))
            if now - member.seen < ABSENT_SECONDS:
                break
            self._remove(peer)

    def _mark(self) -> None:
        """Remember the tally as it is, after a while in which all told what they got.

        They tell it together, every few seconds: anything shorter would be too much, or nothing.
        """
        passed = self._tally.at - self._marks[-1].at
        if passed >= PACE_SECONDS and (not self._awaited or passed >= 2 * PACE_SECONDS):
            self._marks = [self._marks[-1], self._tally]
            self._awaited = dict.fromkeys(self._downloaders)

    def _note_line(self, peer: str, member: _Downloader, up: int | None, down: int | None) -> None:
        if up is not None:
            self._downloaders_up += up - (member.up or 0)
            member.up = up
            self._silent.pop(peer, None)
        if down is not None:
            self._downloaders_down += down - (member.down or 0)
            member.down = down
            self._unmeasured.pop(peer, None)

    def _finish(self, peer: str, member: _Downloader) -> None:
        self._remove(peer)
        self._finished += 1
        came, rate = self._tally.came, self._tally.rate(self._began)
        if rate and came >= LEAST_SECONDS * rate:
            self._ratio = (self._tally.at - self._began.at) * rate / came
        if member.up is not None:
            self._note_source(peer, member.up)
            self._finishers[peer] = None
            self._finishers_up += member.up

    def _note_source(self, peer: str, up: int) -> None:
        more = up - self._sources.get(peer, 0)
        self._sources[peer] = up
        self._sources_up += more
        if peer in self._finishers:
            self._finishers_up += more

    def _remove(self, peer: str) -> None:
        member = self._downloaders.pop(peer, None)
        if member is not None:
            self._awaited.pop(peer, None)
            self._downloaders_up -= member.up or 0
            self._downloaders_down -= member.down or 0
            self._silent.pop(peer, None)
            self._unmeasured.pop(peer, None)
