"""Fetching everything below a name: many files as one download."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList, DeferredLock

from p2pfs.chunks import FileInfo
from p2pfs.errors import DownloadFailed, NotFound, P2pfsError
from p2pfs.peer.announcing import Announcer, Listing
from p2pfs.peer.downloading.downloads import Downloads
from p2pfs.peer.downloading.job import Fetched
from p2pfs.peer.downloading.places import Directory, Place
from p2pfs.peer.downloading.space import Wanted, bytes_to_come, check_space
from p2pfs.peer.downloading.tree_job import TreeJob
from p2pfs.peer.downloading.tree_log import tree_begun, tree_ended, tree_failed
from p2pfs.peer.library import Library
from p2pfs.peer.sources import SourcePool
from p2pfs.peer.storage import Disk, Owner, explained
from p2pfs.reactor import ThreadedReactor
from p2pfs.tasks import detached
from p2pfs.threads import in_thread

FILES_AT_ONCE = 16
"""Files of one tree that are fetched at the same time."""


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
            tree_failed(tree, error, self._reactor.seconds() - began)
            raise
        tree_ended(tree, self._reactor.seconds() - began)
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
        tree_begun(tree)
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
