"""Fetching everything below a name: many files as one download."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList, DeferredLock
from twisted.logger import Logger, LogLevel

from p2pfs.chunks import FileInfo
from p2pfs.console.rendering import size_text
from p2pfs.errors import Cancelled, DownloadFailed, NotFound, P2pfsError
from p2pfs.peer.announcing import Announcer, Listing
from p2pfs.peer.downloading.downloads import Downloads
from p2pfs.peer.downloading.job import Fetched, Job
from p2pfs.peer.downloading.places import Directory, Place
from p2pfs.peer.downloading.space import Wanted, bytes_to_come, check_space
from p2pfs.peer.library import Library
from p2pfs.peer.rates import RateMeter, seconds_left
from p2pfs.peer.sources import SourcePool
from p2pfs.peer.storage import Disk, Owner, explained
from p2pfs.reactor import ThreadedReactor
from p2pfs.tasks import detached
from p2pfs.threads import in_thread

FILES_AT_ONCE = 16
"""Files of one tree that are fetched at the same time."""


@dataclass(eq=False)
class TreeJob:
    """The download of all files below ``prefix`` (which ends in ``/``) into ``target``.

    Of files that are done with it keeps no more than their numbers and their bytes:
    a tree may have very many.
    """

    prefix: str
    target: Path
    total: int = 0
    files: int = 0
    to_come: int = 0
    """Bytes that they will take on the disk beside those that are there."""
    counted: bool = False
    """Whether these three are known; they grow until then."""
    fetched: int = 0
    bytes_fetched: int = 0
    already_there: int = 0
    bytes_there: int = 0
    owner: Owner | None = None
    """To whom its files are to be given, if to anybody."""
    kept: int = 0
    """Files that could not be given."""
    failed: int = 0
    first_error: P2pfsError | None = None
    running: dict[Job, None] = field(default_factory=dict)
    awaiting_room: dict[Deferred[None], None] = field(default_factory=dict)
    """For further files to begin, when this peer downloads as many as it can."""
    directories: dict[Path, Directory] = field(default_factory=dict)
    """Those that are there, which need not be looked for again."""
    meter: RateMeter = field(default_factory=RateMeter)
    """Counts what comes of all its files."""
    cancelled: bool = False
    check_place: Callable[[Path], object] | None = None
    """Called in a thread with the path of a file before it is written; raises `P2pfsError`."""

    @property
    def done(self) -> int:
        """Bytes that are there and verified."""
        finished = self.bytes_there + self.bytes_fetched
        return finished + sum(job.done for job in self.running)

    @property
    def state(self) -> str:
        """What is done now, in words that stay the same as long as it is."""
        return "downloading" if self.counted else "asking for the list of files"

    @property
    def detail(self) -> str:
        """How many files are there."""
        return self._there if self.counted else f"{self.files} files so far"

    @property
    def remark(self) -> str:
        """State and detail."""
        return f"{self.state}, {self.detail}"

    def rate(self, now: float) -> float | None:
        """Bytes a second that come of all its files; None while too little is known."""
        return self.meter.rate(now)

    def seconds_left(self, now: float) -> int | None:
        """The time until all is there, at the present rate; None while that is not known."""
        return seconds_left(self.total - self.done, self.rate(now)) if self.counted else None

    def cancel(self) -> None:
        """Stop all its files."""
        self.cancelled = True
        for job in list(self.running):
            job.cancel()
        for waiting in list(self.awaiting_room):
            waiting.cancel()

    def check(self) -> None:
        """Raise `Cancelled` if it was."""
        if self.cancelled:
            raise Cancelled(
                f"The download of '{self.prefix}' was cancelled with {self._there} there; download "
                "it again to go on."
            )

    @property
    def _there(self) -> str:
        there = self.fetched + self.already_there
        return f"{there} of {max(there, self.files)} files"  # some may have been published since


class _Files:
    """The files of a tree, one after the other, to several that fetch them; a page at a time."""

    def __init__(self, page: dict[str, FileInfo], listing: Listing) -> None:
        """``page`` comes first, then what is left of ``listing``."""
        self._page = iter(page.items())
        self._listing = listing
        self._lock = DeferredLock()
        self.error: P2pfsError | None = None
        """Why there was no further page, if that is not its end."""

    async def next(self) -> tuple[str, FileInfo] | None:
        """The next file; None when there is none."""
        while (found := next(self._page, None)) is None:
            page = self._page
            await self._lock.acquire()
            try:
                if page is self._page:  # or somebody else has turned it over
                    if self._listing.ended or self.error is not None:
                        return None
                    self._page = iter((await self._listing.next_page()).items())
            except P2pfsError as error:
                self.error = error
            finally:
                self._lock.release()
        return found


class Trees:
    """Downloads whole directories, some files at a time, over shared connections."""

    log = Logger()

    def __init__(
        self,
        reactor: ThreadedReactor,
        disk: Disk,
        downloads: Downloads,
        library: Library,
        announcer: Announcer,
    ) -> None:
        self._reactor = reactor
        self._disk = disk
        self._downloads = downloads
        self._library = library
        self._announcer = announcer

    def start(
        self,
        prefix: str,
        target: Path,
        overwrite: bool,
        each: Callable[[Fetched], None] = lambda fetched: None,
        check_place: Callable[[Path], object] | None = None,
        owner: Owner | None = None,
    ) -> tuple[TreeJob, Deferred[TreeJob]]:
        """Fetch everything below ``prefix`` into the directory ``target``, made if need be.

        Files that this peer has fetched to their place already are left alone; ``each``
        is called with what every other one came to, and ``check_place`` is that of `TreeJob`.
        What is made is given to its ``owner``, if there is one and the system allows it. The
        Deferred fails with a `P2pfsError` after all that could be fetched was, and before
        anything is when the disk has no room for all of it.
        """
        tree = TreeJob(prefix, target, owner=owner, check_place=check_place)
        fetched, _ = detached(self._told(tree, self._fetch(tree, overwrite, each)), tree.cancel)
        return tree, fetched

    async def _told(self, tree: TreeJob, work: Coroutine[Any, Any, TreeJob]) -> TreeJob:
        """Have it in the log how it ends."""
        began = self._reactor.seconds()
        try:
            await work
        except P2pfsError as error:
            cancelled = isinstance(error, Cancelled)
            self.log.emit(
                LogLevel.info if cancelled else LogLevel.warn,
                "The download of '{name}' {outcome} after {seconds:.1f} s: {reason}",
                name=tree.prefix,
                outcome="was cancelled" if cancelled else "failed",
                seconds=self._reactor.seconds() - began,
                reason=str(error),
            )
            raise
        self.log.info(
            "Downloaded '{name}' to {path}: {files} files, {size}, in {seconds:.1f} s; {there} "
            "files were there already.",
            name=tree.prefix,
            path=str(tree.target),
            files=tree.fetched,
            size=size_text(tree.bytes_fetched),
            bytes=tree.bytes_fetched,
            seconds=self._reactor.seconds() - began,
            there=tree.already_there,
        )
        return tree

    async def _fetch(
        self, tree: TreeJob, overwrite: bool, each: Callable[[Fetched], None]
    ) -> TreeJob:
        await self._downloads.ready()
        files = await self._count(tree)
        if not tree.files:
            raise NotFound(
                f"Nobody offers anything below '{tree.prefix}'; 'list_files' shows what is offered."
            )
        await in_thread(
            self._reactor, check_space, self._disk, tree.prefix, tree.target, tree.to_come
        )
        tree.check()
        self.log.info(
            "Download of '{name}' to {path} begun: {files} files, {size}.",
            name=tree.prefix,
            path=str(tree.target),
            files=tree.files,
            size=size_text(tree.total),
            bytes=tree.total,
        )
        pool = self._downloads.new_pool()
        try:
            slots = [
                Deferred.fromCoroutine(self._slot(tree, files, overwrite, pool, each))
                for _ in range(min(FILES_AT_ONCE, self._downloads.most))
            ]
            for _, outcome in await DeferredList(slots, consumeErrors=True):
                if outcome is not None:
                    outcome.raiseException()
        finally:
            tree.directories.clear()
            await pool.close()
        tree.check()
        if tree.failed:
            raise DownloadFailed(
                f"{tree.failed} of {tree.files} files below '{tree.prefix}' were not fetched; "
                f"the first: {tree.first_error}"
            )
        if files.error is not None:
            raise DownloadFailed(
                f"The list of files below '{tree.prefix}' broke off after {tree.detail}; download "
                f"it again to go on: {files.error}"
            )
        return tree

    async def _count(self, tree: TreeJob) -> _Files:
        """Go through the list once, for how much it is; it is gone through again for the files.

        A list of one page is kept.
        """
        listing, only = Listing(self._announcer.client, tree.prefix), dict[str, FileInfo]()
        while not listing.ended:
            page = await listing.next_page()
            only = page if listing.ended and not tree.files else {}
            tree.files += len(page)
            tree.total += sum(info.filesize for info in page.values())
            wanted = [self._wanted(tree, name, info) for name, info in page.items()]
            tree.to_come += await in_thread(self._reactor, bytes_to_come, self._disk, wanted)
            tree.check()
        tree.counted = True
        if not only:
            listing = Listing(self._announcer.client, tree.prefix)
        return _Files(only, listing)

    def _wanted(self, tree: TreeJob, name: str, info: FileInfo) -> Wanted:
        held, target = self._library.get(name), tree.target / name.removeprefix(tree.prefix)
        goes_on = held is not None and (held.target, held.info) == (target, info)
        return Wanted(target, info.filesize, held.path if held is not None and goes_on else None)

    async def _slot(
        self,
        tree: TreeJob,
        files: _Files,
        overwrite: bool,
        pool: SourcePool,
        each: Callable[[Fetched], None],
    ) -> None:
        """Fetch one file after the other until none is left."""
        while not tree.cancelled and (found := await files.next()) is not None:
            name, info = found
            target = tree.target / name.removeprefix(tree.prefix)
            held = self._library.get(name)
            is_here = held is not None and held.is_share and not held.withheld
            if held is not None and is_here and (held.path, held.info) == (target, info):
                tree.already_there += 1
                tree.bytes_there += info.filesize
                continue
            try:
                each(await self._fetch_one(tree, name, target, overwrite, pool))
            except P2pfsError as error:
                tree.failed += 1
                tree.first_error = tree.first_error or error

    async def _fetch_one(
        self, tree: TreeJob, name: str, target: Path, overwrite: bool, pool: SourcePool
    ) -> Fetched:
        if tree.check_place is not None:
            await in_thread(self._reactor, tree.check_place, target)
        folder = target.parent
        if folder not in tree.directories:
            tree.directories[folder] = await in_thread(
                self._reactor, make_directory, folder, tree.owner
            )
        place = Place(tree.directories[folder], target.name)
        await self._room(tree)
        tree.check()
        job, fetched = self._downloads.start(
            name, target, overwrite, pool, place, tree.meter, tree.owner
        )
        tree.running[job] = None
        try:
            result = await fetched
        finally:
            tree.running.pop(job)
        if result.already_there:
            tree.already_there += 1
            tree.bytes_there += result.size
        else:
            tree.fetched += 1
            tree.bytes_fetched += result.size
            tree.kept += result.kept
        return result

    async def _room(self, tree: TreeJob) -> None:
        """Wait until this peer may begin a further download, or the tree is cancelled."""
        waiting = Deferred.fromCoroutine(self._downloads.room())
        tree.awaiting_room[waiting] = None
        try:
            with suppress(CancelledError):
                await waiting
        finally:
            del tree.awaiting_room[waiting]


def make_directory(path: Path, owner: Owner | None = None) -> Directory:
    """Make a directory and those above it, if need be, for their owner; or `StorageProblem`."""
    with explained("create", path):
        missing = [each for each in (path, *path.parents) if not each.exists()]
        path.mkdir(parents=True, exist_ok=True)
        if owner is not None:
            _give(missing, owner)
    return Directory.at(path)


def _give(directories: Iterable[Path], owner: Owner) -> None:
    """Give directories away; where that is not allowed, their files tell."""
    for made in directories:
        with suppress(PermissionError, FileNotFoundError):
            gid = -1 if owner.gid is None else owner.gid
            os.chown(made, owner.uid, gid, follow_symlinks=False)
