"""Fetching everything below a name: many files as one download."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from twisted.internet.defer import Deferred, DeferredList

from p2pfs.chunks import FileInfo
from p2pfs.errors import Cancelled, DownloadFailed, NotFound, P2pfsError
from p2pfs.peer.downloads import Downloads
from p2pfs.peer.job import Fetched, Job
from p2pfs.peer.library import Library
from p2pfs.peer.places import Directory, Place
from p2pfs.peer.sources import SourcePool
from p2pfs.peer.storage import explained
from p2pfs.peer.uplink import Uplink
from p2pfs.tasks import detached
from p2pfs.threads import in_thread

FILES_AT_ONCE = 16
"""Files of one tree that are fetched at the same time."""


@dataclass(eq=False)
class TreeJob:
    """The download of all files below ``prefix`` (which ends in ``/``) into ``target``."""

    prefix: str
    target: Path
    total: int = 0
    files: int = 0
    fetched: list[Fetched] = field(default_factory=list)
    already_there: int = 0
    bytes_there: int = 0
    errors: list[P2pfsError] = field(default_factory=list)
    running: dict[Job, None] = field(default_factory=dict)
    directories: dict[Path, Directory] = field(default_factory=dict)
    """Those that are there, which need not be looked for again."""
    cancelled: bool = False

    @property
    def done(self) -> int:
        """Bytes that are there and verified."""
        finished = self.bytes_there + sum(fetched.size for fetched in self.fetched)
        return finished + sum(job.done for job in self.running)

    @property
    def remark(self) -> str:
        """How many files are there."""
        return f"{len(self.fetched) + self.already_there} of {self.files} files"

    def cancel(self) -> None:
        """Stop all its files."""
        self.cancelled = True
        for job in list(self.running):
            job.cancel()


class Trees:
    """Downloads whole directories, some files at a time, over shared connections."""

    def __init__(
        self, reactor: object, downloads: Downloads, library: Library, uplink: Uplink
    ) -> None:
        self._reactor = reactor
        self._downloads = downloads
        self._library = library
        self._uplink = uplink

    def start(
        self, prefix: str, target: Path, overwrite: bool
    ) -> tuple[TreeJob, Deferred[TreeJob]]:
        """Fetch everything below ``prefix`` into the directory ``target``, made if need be.

        Files that this peer has fetched to their place already are left alone. The
        Deferred fails with a `P2pfsError` after all that could be fetched was.
        """
        tree = TreeJob(prefix, target)
        fetched, _ = detached(self._fetch(tree, overwrite), tree.cancel)
        return tree, fetched

    async def _fetch(self, tree: TreeJob, overwrite: bool) -> TreeJob:
        files = await self._uplink.client().list_all(tree.prefix)
        if not files:
            raise NotFound(
                f"Nobody offers anything below '{tree.prefix}'; 'list_file' shows what is offered."
            )
        tree.total, tree.files = sum(info.filesize for info in files.values()), len(files)
        waiting = list(reversed(files.items()))
        pool = self._downloads.new_pool()
        try:
            lanes = [
                Deferred.fromCoroutine(self._lane(tree, waiting, overwrite, pool))
                for _ in range(FILES_AT_ONCE)
            ]
            for _, outcome in await DeferredList(lanes, consumeErrors=True):
                if outcome is not None:
                    outcome.raiseException()
        finally:
            await pool.close()
        if tree.cancelled:
            raise Cancelled(
                f"The download of '{tree.prefix}' was cancelled with {tree.remark} there; download "
                "it again to go on."
            )
        if tree.errors:
            raise DownloadFailed(
                f"{len(tree.errors)} of {tree.files} files below '{tree.prefix}' were not fetched; "
                f"the first: {tree.errors[0]}"
            )
        return tree

    async def _lane(
        self, tree: TreeJob, waiting: list[tuple[str, FileInfo]], overwrite: bool, pool: SourcePool
    ) -> None:
        """Fetch one file after the other until none is left."""
        while waiting and not tree.cancelled:
            name, info = waiting.pop()
            target = tree.target / name.removeprefix(tree.prefix)
            held = self._library.get(name)
            if held is not None and held.is_share and (held.path, held.info) == (target, info):
                tree.already_there += 1
                tree.bytes_there += info.filesize
                continue
            try:
                await self._fetch_one(tree, name, target, overwrite, pool)
            except P2pfsError as error:
                tree.errors.append(error)

    async def _fetch_one(
        self, tree: TreeJob, name: str, target: Path, overwrite: bool, pool: SourcePool
    ) -> None:
        folder = target.parent
        if folder not in tree.directories:
            tree.directories[folder] = await in_thread(self._reactor, make_directory, folder)
        place = Place(tree.directories[folder], target.name)
        job, fetched = self._downloads.start(name, target, overwrite, pool, place)
        tree.running[job] = None
        try:
            result = await fetched
        finally:
            tree.running.pop(job)
        tree.fetched.append(result)


def make_directory(path: Path) -> Directory:
    """Make a directory and those above it, if need be; raises `StorageProblem`."""
    with explained("create", path):
        path.mkdir(parents=True, exist_ok=True)
    return Directory.at(path)
