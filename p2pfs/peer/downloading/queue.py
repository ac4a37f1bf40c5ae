"""Downloads belong to the peer: who asks for one may go away, and it may be started again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.errors import (
    AlreadyExists,
    Cancelled,
    DownloadFailed,
    LeftRunning,
    NotFound,
    P2pfsError,
    Refused,
    StorageProblem,
    TrackerUnavailable,
)
from p2pfs.peer.announcing import Announcer, Listing
from p2pfs.peer.downloading.downloads import Downloads
from p2pfs.peer.downloading.order_book import Entry, OrderBook, Result, State, Work
from p2pfs.peer.downloading.places import place_of
from p2pfs.peer.downloading.trees import Trees
from p2pfs.peer.library import LibraryStore, Order, warn_not_recorded
from p2pfs.peer.storage import Owner
from p2pfs.reactor import ThreadedReactor
from p2pfs.tasks import end_of
from p2pfs.threads import in_thread

T = TypeVar("T")

PlaceCheck = Callable[[Order], Callable[[Path], object] | None]


class DownloadQueue:
    """Has orders run, a few at a time, until each has ended: done, failed or cancelled.

    An order is on record from before it runs until it has ended, so that a peer that is
    started again goes on with it. Its stop ends none. Who watches one may go away at
    any time, and come back.
    """

    log = Logger()

    def __init__(
        self,
        reactor: ThreadedReactor,
        downloads: Downloads,
        trees: Trees,
        announcer: Announcer,
        store: LibraryStore,
        at_once: int,
        patience: float,
        place_check: PlaceCheck,
    ) -> None:
        """``at_once`` orders run at a time.

        What goes on after a restart waits ``patience`` seconds for somebody who offers it.
        ``place_check`` says of an order what is to be called in a thread for each path that it
        is to have written, which raises a `P2pfsError` if that may not be; None for nothing.
        """
        self._place_check = place_check
        self._reactor = reactor
        self._downloads = downloads
        self._trees = trees
        self._announcer = announcer
        self._store = store
        self._patience = patience
        self.book = OrderBook(min(at_once, downloads.most))
        # Those that run, until there is work to be cancelled.
        self._starting: dict[Entry, Deferred[Result]] = {}
        # Everything that is under way, to be waited for at the stop.
        self._work: dict[Deferred[None], None] = {}
        self._timer: IDelayedCall | None = None
        self._looking: Deferred[None] | None = None
        self._stopping = False

    # What is asked of it

    async def give(self, order: Order) -> Entry:
        """Give an order, or find it under way: the same name to the same place.

        Then `recorded` is to be waited for. Raises `AlreadyExists` when the name is fetched to
        another place, `DownloadFailed` when there are too many orders, and `Cancelled` when
        this peer stops.
        """
        await self._downloads.ready()
        while not self._stopping and (known := self.book.get(order.name)) is not None:
            if known.cancelled:
                await known.awaiting_end.wait().addBoth(lambda _: None)
            elif not await self._is_same_place(known.order, order):
                raise AlreadyExists(
                    f"'{order.name}' is being downloaded to {known.order.target} just now; wait "
                    "for it, or cancel it."
                )
            elif known.outcome is None:
                return known
        if self._stopping:
            raise Cancelled("This peer stops; start it again, and ask for the download then.")
        entry = self.book.add(order, self._reactor.seconds())
        self._follow(self._record(entry))
        return entry

    def recorded(self, entry: Entry) -> Deferred[None]:
        """Fires when an order is on record, so that it outlives this process.

        Fails with `StorageProblem` when it cannot be put there. To be cancelled without harm.
        """
        if isinstance(entry.outcome, P2pfsError) and not entry.recorded:
            return fail(entry.outcome)
        return succeed(None) if entry.recorded else entry.awaiting_record.wait()

    def watch(self, entry: Entry) -> Deferred[Result]:
        """Fires with what an order comes to, or fails with a `P2pfsError`.

        With `LeftRunning` when this peer stops. To be cancelled without harm.
        """
        if entry.outcome is None:
            return entry.awaiting_end.wait()
        if isinstance(entry.outcome, P2pfsError):
            return fail(entry.outcome)
        return succeed(entry.outcome)

    async def cancel(self, name: str) -> None:
        """End an order, or a download that is none; it does not go on after a restart either.

        Raises `NotFound`.
        """
        await self._downloads.ready()
        entry = self.book.get(name)
        if entry is None:
            return self._downloads.cancel(name)
        entry.cancelled = True
        if entry.state is State.RUNNING:
            self._interrupt(entry)
        elif entry.recorded:
            self._follow(self._end(entry, _cancelled(entry.order)))
        await self._store.delete_order(name).addErrback(warn_not_recorded)

    # Its life

    def go_on(self, orders: Sequence[Order]) -> None:
        """Go on with what was on record."""
        for order in orders:
            self._log("Going on with the download of '{name}' to {path} for {who}.", order)
            self.book.resume(order, self._reactor.seconds())
        self._pump()

    async def stop(self) -> None:
        """End all work, and no order: they stay on record."""
        self._stopping = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._looking is not None:
            self._looking.cancel()
        for entry in self.book:
            entry.awaiting_end.fail(_goes_on_later(entry.order))
            self._interrupt(entry)
        while self._work:
            await end_of(next(iter(self._work)))

    # One order

    async def _record(self, entry: Entry) -> None:
        problem = await self._outcome(entry.order, self._save(entry.order))
        if problem is None and entry.cancelled:
            problem = _cancelled(entry.order)
        if problem is not None:
            await self._end(entry, problem)
            return
        self.book.recorded(entry, self._reactor.seconds())
        self._pump()
        entry.awaiting_record.fire(None)

    async def _save(self, order: Order) -> None:
        await self._store.save_order(order)

    async def _run(self, entry: Entry) -> None:
        outcome: Result | P2pfsError
        self._starting[entry] = Deferred.fromCoroutine(self._fetch(entry))
        try:
            outcome = await self._outcome(entry.order, self._starting[entry])
        except CancelledError:  # before there was any work
            outcome = _cancelled(entry.order)
        finally:
            del self._starting[entry]
        if not isinstance(outcome, P2pfsError):
            await self._end(entry, outcome)
        elif self._stopping:
            return  # it goes on when this peer is started again
        elif not entry.cancelled and self._is_to_wait(entry, outcome):
            self._put_off(entry, outcome)
        else:
            await self._end(entry, outcome)

    async def _fetch(self, entry: Entry) -> Result:
        order = entry.order
        await self._announcer.needed()
        check = self._place_check(order)
        if check is not None:
            await in_thread(self._reactor, check, order.target)
        await self._downloads.room()
        work: Work
        fetched: Deferred[Any]
        what = order.name, order.target, order.overwrite
        # To root it makes no difference, who asks other users' daemons too.
        owner = Owner(order.uid, order.gid) if order.uid else None
        if order.is_tree:
            work, fetched = self._trees.start(*what, check_place=check, owner=owner)
        else:
            work, fetched = self._downloads.start(*what, owner=owner)
        entry.work = work
        result: Result = await fetched
        return result

    def _interrupt(self, entry: Entry) -> None:
        """Have what it does end; nothing, when it has come to its end."""
        if entry.work is not None:
            entry.work.cancel()
        elif entry in self._starting:
            self._starting[entry].cancel()

    async def _end(self, entry: Entry, outcome: Result | P2pfsError) -> None:
        # First, lest it be gone on with when all have been told that it has ended.
        await self._store.delete_order(entry.order.name).addErrback(warn_not_recorded)
        if entry.outcome is not None:
            return  # it was cancelled meanwhile
        self.book.end(entry, outcome, self._reactor.seconds())
        if isinstance(outcome, P2pfsError):
            if entry.work is None:  # or else it is told what became of that
                self._log("Download of '{name}' to {path} ended: {reason}", entry.order, outcome)
            entry.awaiting_record.fail(outcome)
            entry.awaiting_end.fail(outcome)
        else:
            entry.awaiting_end.fire(outcome)

    # Whose turn it is

    def _pump(self) -> None:
        """Have those run that may, and look after those that wait."""
        if self._stopping:
            return
        while (entry := self.book.next()) is not None:
            self._follow(self._run(entry)).addCallback(lambda _: self._pump())
        self._schedule()

    def _follow(self, work: Coroutine[Any, Any, None]) -> Deferred[None]:
        """See work to its end."""

        def ended(result: Any) -> Any:
            self._work.pop(following, None)
            return result

        following = Deferred.fromCoroutine(work)
        self._work[following] = None
        return following.addBoth(ended).addErrback(self._defect)

    def _defect(self, failure: Failure) -> None:
        self.log.failure("Looking after downloads failed.", failure=failure)

    # Those that wait

    def _is_to_wait(self, entry: Entry, error: P2pfsError) -> bool:
        """Whether what an order failed with may pass, so that it is to wait for that."""
        if not isinstance(error, NotFound | TrackerUnavailable):
            return False
        if entry.order.wait_for:
            return True
        if not entry.resumed:
            return False
        if isinstance(error, TrackerUnavailable):
            return True
        # Publishers may have been started again at the same time, and hash what they share.
        now = self._reactor.seconds()
        entry.patient_until = entry.patient_until or now + self._patience
        return now < entry.patient_until

    def _put_off(self, entry: Entry, error: P2pfsError) -> None:
        nobody = isinstance(error, NotFound)
        reason = "nobody offers it yet" if nobody else "no tracker is reachable"
        self.book.put_off(entry, reason, self._reactor.seconds())

    def _schedule(self) -> None:
        """Have the next one that waits looked at, when it is time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at = self.book.next_look
        if at is not None and self._looking is None and not self._stopping:
            wait = max(0.0, at - self._reactor.seconds())
            self._timer = self._reactor.callLater(wait, self._begin_looking)

    def _begin_looking(self) -> None:
        self._timer = None
        self._looking = self._follow(self._look())
        self._looking.addCallback(self._looked)

    def _looked(self, _: None) -> None:
        self._looking = None
        self._pump()

    async def _look(self) -> None:
        """Go through those that are due, one at a time: many shall not be many questions."""
        with suppress(CancelledError):  # by the stop
            while (entry := self.book.due(self._reactor.seconds())) is not None:
                problem = await self._outcome(entry.order, self._find_offered(entry.order))
                if problem is None:
                    self.book.put_back(entry)
                    self._pump()
                elif self._is_to_wait(entry, problem):
                    self._put_off(entry, problem)
                else:
                    await self._end(entry, problem)

    async def _find_offered(self, order: Order) -> None:
        """Raise `NotFound` when nobody offers it, or `TrackerUnavailable`."""
        try:
            if order.is_tree:
                offered = bool(await Listing(self._announcer.client, order.name).next_page())
            else:
                await self._announcer.locate(order.name)
                offered = True
        except Refused:
            offered = False
        if not offered:
            raise NotFound(f"Nobody offers '{order.name}'; 'list_files' shows what is offered.")

    # Inside

    async def _outcome(self, order: Order, work: Awaitable[T]) -> T | P2pfsError:
        """What something done for an order comes to; only that it is cancelled is raised."""
        try:
            return await work
        except P2pfsError as error:
            return error
        except CancelledError:
            raise
        except Exception:  # it needs an end: test_a_defect_ends_one_order
            self.log.failure("The download of {name} failed unexpectedly", name=order.name)
            return DownloadFailed(
                f"An internal error ended the download of '{order.name}'; the daemon's log has the "
                "details."
            )

    def _log(self, text: str, order: Order, error: P2pfsError | None = None) -> None:
        fields = {"name": order.name, "path": str(order.target), "who": order.who or "somebody"}
        self.log.info(text, **fields, reason=str(error))

    async def _is_same_place(self, one: Order, other: Order) -> bool:
        if one.target == other.target:
            return True
        return await in_thread(self._reactor, _is_same_place, one.target, other.target)


def _is_same_place(one: Path, other: Path) -> bool:
    try:
        return place_of(one) == place_of(other)
    except StorageProblem:  # a directory is not there, so it is not the one of the other
        return False


def _cancelled(order: Order) -> Cancelled:
    return Cancelled(
        f"The download of '{order.name}' was cancelled before its turn came; what came earlier is "
        "kept, download it again to go on."
    )


def _goes_on_later(order: Order) -> LeftRunning:
    return LeftRunning(
        f"The daemon is shutting down; the download of '{order.name}' goes on when it is started "
        "again."
    )
