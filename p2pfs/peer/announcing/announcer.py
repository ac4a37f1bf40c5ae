"""The peer's relation to its tracker, whichever that is, and what it is told of the library."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import takewhile
from random import Random

from twisted.internet.defer import Deferred, DeferredList, TimeoutError, fail, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from p2pfs.addresses import Address
from p2pfs.chunks import ChunkSet
from p2pfs.errors import P2pfsError, Refused, TrackerUnavailable
from p2pfs.peer.announcing.introduction import Introduction
from p2pfs.peer.announcing.refusals import Refusals
from p2pfs.peer.announcing.tracker_client import Notice, TrackerClient
from p2pfs.peer.announcing.tracker_link import TrackerLink
from p2pfs.peer.announcing.witness import Witness
from p2pfs.peer.library import Holding, Library
from p2pfs.peer.rates import Bandwidths
from p2pfs.peer.settings import PeerSettings
from p2pfs.reactor import Reactor
from p2pfs.secure import Door
from p2pfs.wire import said
from p2pfs.wire.messages import Error, ReplyFileLocation

BATCH_SECONDS = 1.0
"""Chunks that come within this time of the first message are registered in the next one."""

BATCH_GROWTH = 3
"""Each pause between such messages is this many times the one before, while chunks keep coming."""

LONGEST_BATCH = 5.0
"""The longest of these pauses, in seconds."""

TELL_SECONDS = 5.0
"""Seconds between words to the tracker on how fast a file is sent, by a peer that has all of it."""

SOONEST_TELL = 1.0
"""The same while the rate grows, as it does at first."""

NEEDED_SECONDS = 5.0
"""Seconds that a user's command waits for a tracker that is to be found again."""

_MORE = 1.05
"""A rate has grown when it is this many times what the tracker was told."""


class Announcer:
    """Tells the tracker what the library holds, again each time the tracker is (re)joined."""

    def __init__(
        self,
        reactor: Reactor,
        random: Random,
        settings: PeerSettings,
        library: Library,
        bandwidths: Bandwidths,
        introduction: Callable[[], Introduction],
        joined: Callable[[TrackerLink], None],
        noticed: Callable[[Notice], None],
        wall_clock: Callable[[], float],
        routes: Callable[[], bytes] | None = None,
        door: Door | None = None,
    ) -> None:
        """``bandwidths`` are what the tracker is told of this peer's line, for what it shows.

        ``introduction`` says who this peer is; ``joined`` is called after each joining, and
        ``noticed`` with what the tracker says by itself. ``wall_clock`` and ``routes`` are those
        of `Machine`, and ``door`` that of the swarm.
        """
        self._reactor = reactor
        self._random = random
        self._settings = settings
        self._library = library
        self._bandwidths = bandwidths
        self._introduction = introduction
        self._on_joined = joined
        self._wall_clock = wall_clock
        self._routes = routes
        self._door = door
        self._on_notice = noticed
        self._link: TrackerLink | None = None
        # All that have begun and not ended, in the order in which they were asked for.
        self._links: dict[TrackerLink, None] = {}
        self._stopped = False
        self._batches: dict[str, ChunkSet] = {}
        self._witness = Witness()
        self._batch_timer: IDelayedCall | None = None
        self._batch_seconds = BATCH_SECONDS
        self._reached_with: str | None = None
        # When the tracker was last told how fast a file is sent, and what.
        self._told: dict[str, tuple[float, int]] = {}
        self._refusals = Refusals(reactor, library, self.announce)

    # The tracker

    @property
    def tracker(self) -> str | None:
        """The endpoint string of the present tracker."""
        return None if self._link is None else self._link.tracker

    @property
    def address(self) -> str | None:
        """The address under which the tracker knows this peer, while it has joined."""
        return None if self._link is None else self._link.address

    @property
    def joined(self) -> bool:
        """True while the tracker knows this peer."""
        return self.address is not None

    @property
    def found_reachable(self) -> bool | None:
        """Whether the tracker could reach this peer; None as long as it has not said so."""
        return None if self._link is None else self._link.found_reachable

    @property
    def tracker_time_offset(self) -> float | None:
        """Seconds that the tracker's clock is ahead of this machine's, as of the last joining.

        None while no tracker is joined, and with one that does not tell its time.
        """
        return None if self._link is None else self._link.time_offset

    @property
    def problem(self) -> str:
        """Why the tracker does not know this peer, if it does not and the reason is known."""
        return "" if self._link is None or self.joined else self._link.problem

    @property
    def locked_out(self) -> str:
        """Why a private swarm's tracker does not let this peer in, if so."""
        return "" if self._link is None else self._link.locked_out

    @property
    def reachable(self) -> bool:
        """True while there is a tracker that can be asked."""
        return self._link is not None and self._link.client is not None

    @property
    def answers(self) -> bool:
        """True unless the tracker was asked for a sign of life, and gave none lately."""
        return self._link is not None and self._link.answers

    @property
    def retry_at(self) -> float | None:
        """When the tracker is tried again, by the reactor's clock; None if that is not known."""
        return None if self._link is None or self.reachable else self._link.retry_at

    def start(self, tracker: str) -> None:
        """Join a tracker, and keep trying; raises `UsageProblem` on a bad endpoint string.

        It is for once the library is restored. A tracker that was joined before with `switch`
        stays, and is told what the library holds; one that is being joined replaces this one.
        """
        if self._link is not None:
            if self._link.address is not None:
                self._announce_all(self._link)
            return
        link = self._link = self._new_link(tracker)
        self._links = {link: None, **self._links}
        link.start().addErrback(self._not_yet)

    async def switch(self, tracker: str) -> None:
        """Join another tracker (or the same at once) and leave the present one.

        When that fails, with `TrackerUnavailable` or `Refused`, the present one stays. Of
        several at the same time, the last one asked for that can be joined stays, and those
        before it that are not joined yet fail; so do all when this peer stops.
        """
        if self._stopped:
            raise TrackerUnavailable("This peer stops; start it again to join a tracker.")
        link = self._new_link(tracker)
        self._links[link] = None
        try:
            await link.start()
        except BaseException:
            await self._leave([link])
            raise
        before = list(takewhile(lambda other: other is not link, self._links))
        self._link = link
        self._announce_all(link)
        await self._leave(before)

    def hurry(self) -> None:
        """Try the tracker at once, if it cannot be asked and is not tried just now."""
        if self._link is not None and self._link.client is None:
            self._link.hurry()

    def heard(self) -> None:
        """Another host gave a sign of life: a tracker that gave none may be there again too."""
        if self._link is not None:
            self._link.heard()

    async def needed(self) -> None:
        """Try the tracker at once if it cannot be asked, and wait for that, but not for long."""
        if self._link is None:
            return
        attempt = self._link.attempt().addTimeout(NEEDED_SECONDS, self._reactor)
        # Who needs it will be told that it is not there.
        with suppress(P2pfsError, TimeoutError):
            await attempt

    def probe(self) -> Deferred[bool]:
        """Have the tracker try now whether others can connect to this peer.

        Fires with what comes of it. Fails with `Refused` when the tracker cannot, or was asked a
        moment ago, and with `TrackerUnavailable`, also when nothing is heard for too long.
        """
        try:
            return self.client().probe()
        except TrackerUnavailable as error:
            return fail(error)

    def stop(self) -> Deferred[None]:
        """Leave the tracker, and join none any more; fires when no connection to one is left."""
        self._refusals.forget()
        if self._batch_timer is not None:
            self._batch_timer.cancel()
            self._batch_timer = None
        self._stopped, self._link = True, None
        return self._leave(list(self._links))

    def client(self) -> TrackerClient:
        """The connection to the tracker; raises `TrackerUnavailable` when there is none."""
        link = self._link
        if link is None:
            raise TrackerUnavailable("This peer has no tracker; join one with 'connect HOST PORT'.")
        if link.client is None:
            raise TrackerUnavailable(
                link.locked_out
                or f"No tracker is reachable at {link.tracker}; it is tried again by itself, "
                "'connect HOST PORT' tries at once."
            )
        return link.client

    def locate(self, filename: str) -> Deferred[ReplyFileLocation]:
        """Who holds which chunks; fails with `TrackerUnavailable` or `Refused`."""
        try:
            return self.client().locate(filename)
        except TrackerUnavailable as error:
            return fail(error)

    # What the tracker is told

    def announce(self, holding: Holding) -> Deferred[None]:
        """Say what this peer holds of a file; fails with `Refused` or `TrackerUnavailable`."""
        if holding.withheld is not None:
            return succeed(None)
        try:
            client = self.client()
        except TrackerUnavailable as error:
            return fail(error)
        if holding.announced_whole:
            published = client.publish(holding.name, holding.info, holding.signature)
            return published.addCallbacks(
                self._published, self._refused, (holding,), {}, (holding,)
            )
        if holding.chunks.bits or holding.part is not None:
            # With nothing yet, to be known to others that begin at the same time.
            holding.listed()  # unless it is refused now; there is no other answer
            client.register_chunks(
                holding.name, holding.info, holding.chunks, signature=holding.signature
            )
        return succeed(None)

    def announce_anew(self, holding: Holding) -> None:
        """Say it once more, as the tracker may think otherwise of it by now."""
        self.announce(holding).addErrback(self._not_announced, holding)

    def withdraw(self, holding: Holding) -> Deferred[None]:
        """Say that this peer holds nothing of a file any more."""
        self._batches.pop(holding.name, None)
        try:
            client = self.client()
        except TrackerUnavailable:
            return succeed(None)  # there is nothing to withdraw from
        return client.unpublish(holding.name).addErrback(_not_listed_anyway)

    def register_chunk(self, holding: Holding, chunknum: int, source: Address) -> None:
        """Say that this peer has one more chunk, and whence: at once, or with the next batch."""
        if self._library.get(holding.name) is not holding:
            return  # a copy of an own share, for which that itself is listed, or is withheld
        self._witness.came(holding.name, source)
        batch = self._batches.setdefault(holding.name, ChunkSet(holding.info.totalchunknum))
        batch.add(chunknum)
        if self._batch_timer is None:
            self._send_batches()

    def delivered(self, name: str) -> None:
        """A chunk of a file was sent: now and then, say how fast that goes."""
        now, up, link = self._reactor.seconds(), self._bandwidths.up.highest, self._link
        if up is None:
            return
        at, told = self._told.get(name, (-TELL_SECONDS, up))
        if now - at < (SOONEST_TELL if up > _MORE * told else TELL_SECONDS):
            return
        holding = self._library.get(name)
        if holding is None or holding.refusal or holding.withheld or not holding.announced_whole:
            return  # who fetches it says so with the chunks that it registers
        if link is None or link.client is None or link.address is None:
            return
        self._told = {n: t for n, t in self._told.items() if now - t[0] < TELL_SECONDS}
        self._told[name] = now, up
        # It is known to hold that chunk, so nothing else changes.
        chunknum = next(iter(holding.chunks))
        link.client.tell_rate(name, holding.info, chunknum, up, holding.signature)

    def reached(self, token: str) -> None:
        """Say that this peer was pinged with a token, once there is a tracker to say it to."""
        link = self._link
        if link is not None and link.client is not None:
            link.client.tell_reached(token)
        else:
            self._reached_with = token  # the probe may be quicker than the answer that it joined

    def flush(self) -> None:
        """Register now what waits for the next batch."""
        if self._batch_timer is not None:
            self._batch_timer.cancel()
            self._send_batches()

    def _send_batches(self) -> None:
        self._batch_timer = None
        batches, self._batches = self._batches, {}
        link = self._link
        if not batches or link is None or link.client is None or link.address is None:
            self._batch_seconds = BATCH_SECONDS
            self._witness.drop()
            return  # who joins again announces everything anyway
        for name, chunks in batches.items():
            holding = self._library.get(name)
            if holding is not None:
                up, down = self._bandwidths.up.highest, self._bandwidths.down.highest
                sources = self._witness.news(name, self._reactor.seconds())
                if holding.refusal:
                    chunks = holding.chunks  # those that came before are not listed either
                holding.listed()  # unless it is refused now
                link.client.register_chunks(
                    name, holding.info, chunks, up, down, sources, holding.signature
                )
                if up is not None:
                    self._told[name] = self._reactor.seconds(), up
        self._witness.drop()  # what is left is of files that are not held any more
        self._batch_timer = self._reactor.callLater(self._batch_seconds, self._send_batches)
        self._batch_seconds = min(LONGEST_BATCH, BATCH_GROWTH * self._batch_seconds)

    # Inside

    def _new_link(self, tracker: str) -> TrackerLink:
        return TrackerLink(
            self._reactor,
            self._random,
            self._settings,
            tracker,
            self._introduction(),
            self._link_joined,
            self._noticed,
            self._wall_clock,
            self._routes,
            self._door,
        )

    def _leave(self, links: list[TrackerLink]) -> Deferred[None]:
        """Stop these; fires when they have ended, and until then `stop` waits for them too."""

        def left(_: object) -> None:
            for link in links:
                self._links.pop(link, None)

        ended = [link.stop() for link in links]
        return DeferredList(ended, consumeErrors=True).addCallback(left)

    def _noticed(self, notice: Notice | Error) -> None:
        if not isinstance(notice, Error):
            self._on_notice(notice)
            return
        holding = self._library.get(notice.filename or "")
        if holding is None or holding.withheld is not None:
            return
        reason = said(notice.message) or "The tracker refused without a reason."
        if holding.announced_whole:
            self._refusals.refused(holding, reason)
        else:
            holding.refused(reason)  # it is offered again when there is more of it, or on joining

    def _link_joined(self, link: TrackerLink) -> None:
        if link is self._link:
            self._announce_all(link)

    def _announce_all(self, link: TrackerLink) -> None:
        self._refusals.forget()
        token, self._reached_with = self._reached_with, None
        if token is not None and link.client is not None:
            link.client.tell_reached(token)
        for holding in self._library:
            self.announce_anew(holding)
        self._on_joined(link)

    def _published(self, _: None, holding: Holding) -> None:
        self._refusals.listed(holding)

    def _refused(self, failure: Failure, holding: Holding) -> Failure:
        if failure.check(Refused):
            self._refusals.refused(holding, str(failure.value))
        return failure

    def _not_announced(self, failure: Failure, holding: Holding) -> None:
        failure.trap(P2pfsError)
        if failure.check(Refused):
            self._refusals.tell(holding)
        # Otherwise the tracker is gone again, and the next joining announces everything.

    def _not_yet(self, failure: Failure) -> None:
        failure.trap(P2pfsError)  # the link says it in the log, and tries again


def _not_listed_anyway(failure: Failure) -> None:
    """A file the tracker does not list, or a tracker that is gone, needs no withdrawal."""
    failure.trap(P2pfsError)
