"""Sees to it that what the library claims is what lies on the disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.errors import Cancelled, P2pfsError, StorageProblem
from p2pfs.peer.announcing import Announcer
from p2pfs.peer.library import (
    Holding,
    Library,
    LibraryStore,
    journal_path,
    recheck,
    warn_not_recorded,
)
from p2pfs.peer.sharing.doubts import Doubts
from p2pfs.peer.storage import (
    ChunkReader,
    Disk,
    FileAway,
    FileChanged,
    FileGone,
    remove,
    remove_part,
)
from p2pfs.reactor import ThreadedReactor
from p2pfs.tasks import end_of
from p2pfs.threads import in_thread
from p2pfs.waiters import Waiters

MOST_TOLD = 10
"""Shares that the log names when many are withheld, or offered again, at the same time."""


class ShareWatcher:
    """Restores the library after a restart, withdraws what changed on disk, and what is given up.

    A share whose file changed is unpublished; after a restart it is handed to
    ``publish_again``, as nobody watched it meanwhile. A share whose file is away is
    *withheld*: a file that was removed cannot be told from one whose disk is not
    there. Each look sees whether it is back as it was, and then it is offered again.
    An unfinished download whose part file is not as it was left is checked chunk
    by chunk, and becomes a share when it turns out to be finished; one whose part
    file is away is withheld too.
    """

    log = Logger()

    def __init__(
        self,
        reactor: ThreadedReactor,
        disk: Disk,
        library: Library,
        store: LibraryStore,
        announcer: Announcer,
        journals: Path,
        publish_again: Callable[[Holding], None],
    ) -> None:
        """``journals`` is the directory where running downloads keep theirs."""
        self._journals = journals
        self._reactor = reactor
        self._disk = disk
        self._library = library
        self._store = store
        self._announcer = announcer
        self._publish_again = publish_again
        self.doubts = Doubts(reactor, disk, self.changed)
        """To be told of chunks that others found wrong."""
        self._checks: dict[str, Deferred[None]] = {}
        self._stop = Event()
        self._is_restored = False
        self._awaiting_restore: Waiters[None] = Waiters()
        self._watch = LoopingCall(self._look_once)
        self._watch.clock = reactor
        self._watching: Deferred[Any] = succeed(None)

    async def restore(self, holdings: Sequence[Holding]) -> None:
        """Fill the library with what was on record."""
        faults = await in_thread(self._reactor, self._faults, holdings)
        away: list[tuple[Holding, FileAway]] = []
        for holding, fault in zip(holdings, faults, strict=True):
            if holding.is_share and fault is not None and not isinstance(fault, FileAway):
                self._share_differs(holding)
                continue
            self._library.add(holding)
            if holding.is_share and isinstance(fault, FileAway):
                away.append((holding, fault))
            elif fault is not None:
                self._start_check(holding)
        self._withhold(away)

    def restored(self) -> Deferred[None]:
        """Fires when the library is what it was before the restart, and is looked after."""
        if self._is_restored:
            return succeed(None)
        return self._awaiting_restore.wait()

    def watch(self, interval: float) -> None:
        """Look every ``interval`` seconds whether the shared files are what they were.

        From now on the library counts as restored.
        """
        self._watching = self._watch.start(interval, now=False).addErrback(self._defect)
        self._is_restored = True
        self._awaiting_restore.fire(None)

    async def stop(self) -> None:
        """Stop watching and checking."""
        self._stop.set()
        if self._watch.running:
            self._watch.stop()
        await self._watching
        await self.doubts.stop()
        for check in list(self._checks.values()):
            await end_of(check)

    def changed(self, holding: Holding, reason: FileChanged) -> None:
        """A holding's file was found changed, or away: claim it no more.

        One that is being downloaded is its download's affair; a share that came of it is looked
        at later.
        """
        if self._library.get(holding.name) is not holding:
            return
        if holding.downloading or self.is_checking(holding):
            return
        if holding.is_share and isinstance(reason, FileAway):
            if holding.withheld is None:
                self._withhold([(holding, reason)])
        elif holding.is_share:
            self.log.warn("Unpublished '{name}': {reason}", name=holding.name, reason=str(reason))
            given_up = Deferred.fromCoroutine(self.give_up(holding))
            given_up.addErrback(warn_not_recorded).addErrback(self._defect)
        elif isinstance(reason, FileGone) or not isinstance(reason, FileAway):
            self._start_check(holding)

    async def give_up(self, holding: Holding) -> None:
        """Hold nothing of a file any more; of an unfinished download, remove the part file too.

        What is not held leaves nothing to do. Raises `StorageProblem` when that cannot be done, or
        put on record.
        """
        if not self._library.discard(holding):
            return
        withdrawn = self._announcer.withdraw(holding)
        if not holding.is_share:
            await in_thread(self._reactor, remove_part, self._disk, holding.path, holding.identity)
            # It is still there when the download could not be put on record in the end.
            journal = journal_path(self._journals, holding.path)
            await in_thread(self._reactor, remove, self._disk, journal)
        await withdrawn
        if self._library.get(holding.name) is None:  # or else it is held anew, and on record
            await self._store.delete(holding.name)

    def is_checking(self, holding: Holding) -> bool:
        """True while it is being found out which chunks of an unfinished download are right."""
        return holding.name in self._checks

    async def check_unfinished(self, holding: Holding) -> None:
        """Make sure that what an unfinished download claims to have is right.

        Afterwards it is withheld if its part file is away.
        """
        if not self.is_checking(holding):
            [fault] = await in_thread(self._reactor, self._faults, [holding])
            if fault is not None and not self.is_checking(holding):
                self._start_check(holding)
            elif fault is None and holding.withheld is not None:
                self._offer_again([holding])
        if self.is_checking(holding):
            await end_of(self._checks[holding.name])

    # Inside

    def _share_differs(self, holding: Holding) -> None:
        """Nobody watched while the peer was down."""
        self._store.delete(holding.name).addErrback(warn_not_recorded)
        self.log.info("{path} was changed; it is hashed again.", path=holding.path)
        self._publish_again(holding)

    def _withhold(self, away: Sequence[tuple[Holding, FileAway]]) -> None:
        """Claim these shares no more until they are back as they were."""
        for holding, reason in away:
            holding.withhold(str(reason), self._reactor.seconds())
            self._announcer.withdraw(holding)
        for holding, reason in away[:MOST_TOLD]:
            self.log.warn(
                "Withheld '{name}': {reason} It is offered again once it is back as it was; "
                "unpublish it if it is gone for good.",
                name=holding.name,
                reason=str(reason),
            )
        if len(away) > MOST_TOLD:
            self.log.warn("Withheld {count} more.", count=len(away) - MOST_TOLD)

    def _offer_again(self, back: Sequence[Holding]) -> None:
        """These shares are as they were before they were withheld."""
        for holding in back:
            holding.found_again()
            self._announcer.announce(holding).addErrback(_announced_later)
        for holding in back[:MOST_TOLD]:
            self.log.info(
                "Offered '{name}' again: {path} is back as it was.",
                name=holding.name,
                path=holding.path,
            )
        if len(back) > MOST_TOLD:
            self.log.info("Offered {count} more again.", count=len(back) - MOST_TOLD)

    def _start_check(self, holding: Holding) -> None:
        check = self._checks[holding.name] = Deferred.fromCoroutine(self._check(holding))

        def checked(_: None) -> None:
            del self._checks[holding.name]

        check.addErrback(self._defect).addCallback(checked)

    async def _check(self, holding: Holding) -> None:
        """Keep of an unfinished download the chunks that are right; claim none meanwhile.

        It becomes a share when it is found whole under its final name.
        """
        on_record = holding.check_begun()
        await self._announcer.withdraw(holding)
        journal = journal_path(self._journals, holding.path)
        try:
            found = await in_thread(
                self._reactor,
                recheck,
                self._disk,
                replace(holding, chunks=on_record),
                journal,
                self._stop,
            )
        except BaseException as error:
            holding.check_broken_off(on_record)
            if isinstance(error, FileAway) and self._library.get(holding.name) is holding:
                self._withhold([(holding, error)])
            if isinstance(error, Cancelled | FileAway):
                return
            raise
        if self._library.get(holding.name) is not holding:  # it was given up meanwhile
            await in_thread(self._reactor, remove_part, self._disk, holding.path, found.identity)
            return await self._remove_journal(journal)
        if found.finished is not None:
            holding.found_whole(*found.finished)
        else:
            holding.checked(found.chunks, found.stamp, found.identity)
        self.log.info(
            "The unfinished {path}: {right} chunks are there, {checked} of them read again, "
            "{wrong} were not as they were left.",
            path=holding.path,
            right=len(found.chunks),
            checked=found.checked,
            wrong=found.wrong,
        )
        try:
            await self._store.save(holding)
        except StorageProblem as error:
            self.log.warn("{error}", error=str(error))
        else:
            await self._remove_journal(journal)
        if self._library.get(holding.name) is not holding:
            return
        try:
            await self._announcer.announce(holding)
        except P2pfsError:
            return  # without a tracker; joining one announces everything

    async def _remove_journal(self, journal: Path) -> None:
        """What it says is on record; left there, it would only be read in vain."""
        try:
            await in_thread(self._reactor, remove, self._disk, journal)
        except StorageProblem as error:
            self.log.warn("{error}", error=str(error))

    def _look_once(self) -> Deferred[None]:
        """What goes wrong with one look says nothing of the next, which comes in any case."""
        return Deferred.fromCoroutine(self._look()).addErrback(self._look_failed)

    def _look_failed(self, failure: Failure) -> None:
        if failure.check(P2pfsError):  # for instance that no thread can be started
            self.log.warn("The shares were not looked at: {error}", error=str(failure.value))
        else:
            self._defect(failure)

    async def _look(self) -> None:
        watched = [h for h in self._library if h.is_share or h.withheld is not None]
        faults = await in_thread(self._reactor, self._faults, watched)
        away: list[tuple[Holding, FileAway]] = []
        back: list[Holding] = []
        for holding, fault in zip(watched, faults, strict=True):
            if self._library.get(holding.name) is not holding:
                continue  # it was unpublished meanwhile
            if not holding.is_share and holding.withheld is None:
                continue  # it is gone on with, or checked, meanwhile
            if isinstance(fault, FileAway):
                if holding.withheld is None:
                    away.append((holding, fault))
            elif fault is not None:
                self.changed(holding, fault)
            elif holding.withheld is not None:
                back.append(holding)
        self._withhold(away)
        self._offer_again(back)

    def _defect(self, failure: Failure) -> None:
        self.log.failure("Looking after the shares failed.", failure=failure)

    def _faults(self, holdings: Sequence[Holding]) -> list[FileChanged | None]:
        """What is wrong with their files, None for those that are as they were left; blocks."""
        return [self._fault(holding) for holding in holdings]

    def _fault(self, holding: Holding) -> FileChanged | None:
        try:
            status = self._disk.status(holding.path)
            if holding.stamp is None or not holding.stamp.matches(status):
                return FileChanged(f"{holding.path} was changed.")
            if holding.withheld is not None:  # for instance because it could not be opened
                ChunkReader.open(self._disk, holding.path, holding.stamp).close()
        except OSError as error:
            return FileAway.of(holding.path, error)
        except FileChanged as fault:
            return fault
        except StorageProblem as error:
            return FileAway(str(error))
        return None


def _announced_later(failure: Failure) -> None:
    """Refusals are shown with the share; without a tracker, joining one announces everything."""
    failure.trap(P2pfsError)
