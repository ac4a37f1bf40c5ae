"""The commands that give, watch and end downloads, which belong to the peer."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from p2pfs.commands import Call
from p2pfs.console.command import Answer, Progress, ReportProgress
from p2pfs.errors import Cancelled, DownloadFailed, LeftRunning, NotFound, P2pfsError
from p2pfs.paths import given_path
from p2pfs.peer.commands.access import allowed, to_write
from p2pfs.peer.commands.arguments import places_of
from p2pfs.peer.commands.results import answer_of
from p2pfs.peer.commands.watching import watched
from p2pfs.peer.downloading import Entry, Result, is_directory
from p2pfs.peer.library import Order, check_order_name
from p2pfs.peer.peer import Peer
from p2pfs.peer.rates import seconds_left, whole
from p2pfs.threads import in_thread

Outcome = Result | P2pfsError


class DownloadCommands:
    """``download``, ``attach`` and ``cancel``, each for one name or several."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._queue = peer.queue

    async def download(self, call: Call, report: ReportProgress) -> Answer:
        """Give an order for each name, and watch them, or leave them to the peer.

        Raises `UsageProblem`, `InvalidName`, what a download fails with, and `LeftRunning`
        when it is cancelled.
        """
        path = await self._allowed(call, given_path(call["path"]))
        for name in call.repeated:
            check_order_name(name)
        into = await in_thread(self._peer.reactor, is_directory, path)
        into = into or call["path"].endswith("/")
        outcomes: dict[str, Entry | Outcome] = {}
        for name, target in places_of(call.repeated, path, into).items():
            try:
                allowed = await self._allowed(call, target)
                outcomes[name] = await self._queue.give(_order(call, name, allowed))
            except P2pfsError as error:
                outcomes[name] = error
        if "detach" in call.options:
            return await self._left(outcomes)
        return await self._watch(outcomes, report)

    async def attach(self, call: Call, report: ReportProgress) -> Answer:
        """Watch what was asked for before; raises as `download` does, and `NotFound`."""
        await self._peer.share_watcher.restored()
        return await self._watch({name: self._known(name) for name in call.repeated}, report)

    async def cancel(self, call: Call, report: ReportProgress) -> Answer:
        """End downloads, all of those that there are; raises `NotFound` for those that are none."""
        failed: dict[str, P2pfsError] = {}
        for name in call.repeated:
            try:
                await self._queue.cancel(name)
            except P2pfsError as error:
                failed[name] = error
        _raise_first(failed, len(call.repeated), "downloads were not cancelled")
        names = list(call.repeated)
        return Answer(
            {"cancelled": names[0] if len(names) == 1 else names},
            [f"The download of '{name}' is cancelled; what came is kept." for name in names],
        )

    async def _allowed(self, call: Call, path: Path) -> Path:
        """The path that the caller may have written."""
        return await allowed(self._peer.reactor, to_write, call.caller, path)

    def _known(self, name: str) -> Entry | Outcome:
        """A download under way, what it came to if that is remembered, or `NotFound`."""
        entry, ended = self._queue.book.get(name), self._queue.book.ended(name)
        if entry is not None:
            return entry
        if ended is not None:
            return ended.outcome
        return NotFound(
            f"No download of '{name}' is under way, and of none is known how it ended; 'status' "
            "shows those that are."
        )

    async def _left(self, outcomes: dict[str, Entry | Outcome]) -> Answer:
        """The answer to who does not want to wait, once all are on record."""
        entries = [entry for entry in outcomes.values() if isinstance(entry, Entry)]
        for entry in entries:
            try:
                await self._queue.recorded(entry)
            except P2pfsError as error:
                outcomes[entry.order.name] = error
        failed = {name: o for name, o in outcomes.items() if isinstance(o, P2pfsError)}
        _raise_first(failed, len(outcomes), "downloads were not begun")
        data = [
            {"name": entry.order.name, "path": str(entry.order.target), "state": entry.state.value}
            for entry in entries
        ]
        lines = [
            f"'{entry.order.name}' is downloaded to {entry.order.target}." for entry in entries
        ]
        how = _how_to_go_on([entry.order.name for entry in entries])
        return Answer(data[0] if len(data) == 1 else data, [*lines, how])

    async def _watch(self, outcomes: dict[str, Entry | Outcome], report: ReportProgress) -> Answer:
        """Wait until all have ended: the answer to one, or to several together."""
        entries = {name: entry for name, entry in outcomes.items() if isinstance(entry, Entry)}
        ended = {
            **outcomes,
            **await self._outcomes(entries, lambda: report(self._progress(outcomes))),
        }
        failed = {name: o for name, o in ended.items() if isinstance(o, P2pfsError)}
        _raise_first(failed, len(ended), "downloads failed")
        answers = [answer_of(o) for o in ended.values() if not isinstance(o, Entry | P2pfsError)]
        if len(answers) == 1:
            return answers[0]
        return Answer(
            {"downloads": [answer.data for answer in answers]},
            [line for answer in answers for line in answer.lines],
        )

    async def _outcomes(
        self, entries: dict[str, Entry], look: Callable[[], None]
    ) -> dict[str, Outcome]:
        """Wait for the ends of orders, calling ``look`` meanwhile, if there are any."""
        watches = [self._outcome(entry) for entry in entries.values()]
        if not watches:
            return {}
        try:
            found = await watched(self._peer.reactor, Deferred.fromCoroutine(_all(watches)), look)
        except CancelledError:
            for watch in watches:
                watch.addErrback(_forgotten).cancel()
            raise _left_running(list(entries)) from None
        return dict(zip(entries, found, strict=True))

    def _outcome(self, entry: Entry) -> Deferred[Outcome]:
        """What an order comes to, be it a failure."""
        return self._queue.watch(entry).addErrback(_as_outcome)

    def _progress(self, outcomes: dict[str, Entry | Outcome]) -> Progress:
        """How far all are together; in one of several the first that has not ended is named."""
        entries = [entry for entry in outcomes.values() if isinstance(entry, Entry)]
        done, total = (sum(e.done for e in entries), sum(e.total for e in entries))
        under_way = [entry for entry in entries if entry.outcome is None]
        book, now = self._queue.book, self._peer.reactor.seconds()
        rates = [entry.work.rate(now) for entry in under_way if entry.work is not None]
        rate = sum(rate for rate in rates if rate is not None) if any(rates) else None
        left = seconds_left(total - done, rate)
        if len(outcomes) == 1:
            [entry] = entries
            if entry.work is not None:
                left = entry.work.seconds_left(now)
            note, detail = book.note(entry), book.detail(entry, now)
            return Progress(entry.order.name, done, total, note, detail, whole(rate), left)
        note = f"{len(outcomes) - len(under_way)} of {len(outcomes)} have ended"
        if under_way:
            note += f", '{under_way[0].order.name}': {book.note(under_way[0])}"
        detail = book.detail(under_way[0], now) if under_way else ""
        # What has not begun is not counted in the total, so that the time left is not known.
        left = left if all(entry.total for entry in under_way) else None
        label = f"{len(outcomes)} downloads"
        return Progress(label, done, total, note, detail, whole(rate), left)


def _order(call: Call, name: str, target: Path) -> Order:
    caller, options = call.caller, call.options
    return Order(
        name,
        target,
        "overwrite" in options,
        "wait-for" in options,
        caller.who,
        caller.uid,
        caller.gid,
        caller.is_guest,
    )


async def _all(watches: Sequence[Deferred[Outcome]]) -> list[Outcome]:
    return [await watch for watch in watches]


def _as_outcome(failure: Failure) -> P2pfsError:
    failure.trap(P2pfsError)
    assert isinstance(failure.value, P2pfsError)
    return failure.value


def _forgotten(failure: Failure) -> P2pfsError:
    """An errback for what is not watched any more."""
    failure.trap(CancelledError)
    return Cancelled("It is not watched any more.")


def _raise_first(failed: dict[str, P2pfsError], total: int, what: str) -> None:
    """Raise what failed, if anything did: the failure itself where there was one download."""
    if not failed:
        return
    for error in failed.values():
        if total == 1 or isinstance(error, LeftRunning):
            raise error
    name, first = next(iter(failed.items()))
    kind = Cancelled if isinstance(first, Cancelled) else DownloadFailed
    raise kind(f"{len(failed)} of {total} {what}; the first, '{name}': {first}")


def _how_to_go_on(names: Sequence[str]) -> str:
    words = " ".join(shlex.quote(name) for name in names[:3]) + (" ..." if len(names) > 3 else "")
    it = "it" if len(names) == 1 else "them"
    return f"'attach {words}' watches {it}, 'status' shows how far, 'cancel {words}' ends {it}."


def _left_running(names: Sequence[str]) -> LeftRunning:
    if len(names) == 1:
        return LeftRunning(f"'{names[0]}' is downloaded on in the daemon: {_how_to_go_on(names)}")
    return LeftRunning(f"The downloads go on in the daemon: {_how_to_go_on(names)}")
