"""Publishing: files are hashed in a thread, recorded, and offered to the tracker."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from p2pfs.console.rendering import size_text
from p2pfs.errors import (
    AlreadyExists,
    BadSignature,
    Cancelled,
    P2pfsError,
    Refused,
    StorageProblem,
    TrackerUnavailable,
)
from p2pfs.hashing import Hash
from p2pfs.membership import NameSigning, Signature
from p2pfs.names import check_filename, filename_from_path
from p2pfs.peer.announcing import Announcer
from p2pfs.peer.library import Holding, Library, LibraryStore
from p2pfs.peer.machine import Machine
from p2pfs.peer.sharing.candidates import Candidate, Readable, Skipped, candidates_at
from p2pfs.peer.sharing.share_watcher import ShareWatcher
from p2pfs.peer.storage import FileHasher
from p2pfs.reactor import ThreadedReactor
from p2pfs.tasks import detached, end_of
from p2pfs.threads import in_thread

MOST_TOLD = 10
"""Files that the log names when many of a directory are left out."""

FILES_AT_ONCE = 16
"""Files of one directory that are published at the same time."""


class Published(NamedTuple):
    """What came of a file: whether the tracker lists it already, or will once it is back."""

    name: str
    listed: bool


@dataclass(eq=False)
class Publication:
    """A publish under way: how far it is, and how it is cancelled."""

    label: str
    function: Hash | None = None
    """The hash that was asked for, if any."""
    earlier: Holding | None = None
    """What the file was when it was published before, for what may be the same still."""
    total: int = 0
    fresh: int = 0
    """Bytes hashed so far."""
    known: int = 0
    """Bytes of files that were known from before."""
    skipped: list[str] = field(default_factory=list)
    """Why files below a directory were left out, a sentence each."""
    stop: Event = field(default_factory=Event)

    @property
    def done(self) -> int:
        """Bytes that need not be hashed any more."""
        return self.fresh + self.known

    def hashed(self, count: int) -> None:
        """Told from any thread how many more bytes are hashed."""
        with self._lock:
            self.fresh += count

    _lock: Lock = field(default_factory=Lock)


class Publisher:
    """Puts files into the library and offers them to the tracker."""

    log = Logger()

    def __init__(
        self,
        reactor: ThreadedReactor,
        machine: Machine,
        library: Library,
        store: LibraryStore,
        announcer: Announcer,
        share_watcher: ShareWatcher,
        private: Path,
        smallest_chunk: int,
        function: Hash,
        signing: Callable[[], NameSigning],
    ) -> None:
        """Nothing below ``private`` is ever shared: the state directory, with keys in it.

        ``smallest_chunk`` is in bytes, see `FileInfo.of_size`. ``function`` is the hash of
        what is not shared yet. ``signing`` is what names are signed with.
        """
        self._signing = signing
        self._function = function
        self._disk = machine.disk
        self._background = machine.background
        self._smallest_chunk = smallest_chunk
        self._private = private.resolve()
        self._share_watcher = share_watcher
        self._reactor = reactor
        self._library = library
        self._store = store
        self._announcer = announcer
        self._running: dict[Publication, Deferred[None]] = {}

    def publish(
        self,
        path: Path,
        name: str | None = None,
        readable: Readable = lambda status: True,
        function: Hash | None = None,
        earlier: Holding | None = None,
    ) -> tuple[Publication, Deferred[list[Published]]]:
        """Share a file, or every regular file below a directory.

        ``path`` is absolute. ``name`` is the name on the network, or what the
        names of a directory's files begin with; by default the last part of the
        path. What is not ``readable`` below a directory is left out. ``function`` is
        the hash; without it, a share keeps its own. ``earlier`` is what this file was, for one
        that is shared no more. The Deferred fails with a
        `P2pfsError`; cancelling it stops the work.
        """
        publication = Publication(str(path), function, earlier)
        work = self._told(publication, self._publish(path, name, publication, readable))
        published, end = detached(work, publication.stop.set)
        self._running[publication] = end
        end.addCallback(self._forget, publication)
        return publication, published

    async def unpublish(self, name: str) -> None:
        """Share a file no more; of an unfinished download, discard the part file too.

        Raises `NotFound`, `AlreadyExists` while it is being downloaded, and `StorageProblem` as
        `ShareWatcher.give_up` does.
        """
        holding = self._library[name]
        if holding.downloading:
            raise AlreadyExists(f"'{name}' is being downloaded just now; cancel that first.")
        await self._share_watcher.give_up(holding)
        self.log.info("Unpublished '{name}': {path}.", name=name, path=str(holding.path))

    async def stop(self) -> None:
        """Cancel what is under way and wait for its end."""
        for publication in self._running:
            publication.stop.set()
        for end in list(self._running.values()):
            await end_of(end)

    # Inside

    def _forget(self, _: None, publication: Publication) -> None:
        del self._running[publication]

    async def _told(
        self, publication: Publication, work: Coroutine[Any, Any, list[Published]]
    ) -> list[Published]:
        """Have it in the log what came of it."""
        began = self._reactor.seconds()
        try:
            published = await work
        except P2pfsError as error:
            is_cancelled = isinstance(error, Cancelled)
            self.log.emit(
                LogLevel.info if is_cancelled else LogLevel.warn,
                "{path} was not published: {reason}",
                path=publication.label,
                reason=str(error),
            )
            raise
        for reason in publication.skipped[:MOST_TOLD]:
            self.log.warn("Left out of {path}: {reason}", path=publication.label, reason=reason)
        name = published[0].name if published else ""
        unlisted = sum(not file.listed for file in published)
        self.log.info(
            "Published {path} as {what}: {size} in {seconds:.1f} s{unlisted_text}{skipped_text}.",
            path=publication.label,
            what=f"'{name}'" if len(published) == 1 else f"{len(published):,} files",
            files=len(published),
            size=size_text(publication.total),
            bytes=publication.total,
            seconds=self._reactor.seconds() - began,
            unlisted=unlisted,
            unlisted_text=f", {unlisted:,} not listed yet" if unlisted else "",
            skipped=len(publication.skipped),
            skipped_text=f", {len(publication.skipped):,} left out" if publication.skipped else "",
        )
        return published

    async def _publish(
        self, path: Path, name: str | None, publication: Publication, readable: Readable
    ) -> list[Published]:
        base = filename_from_path(path.name) if name is None else check_filename(name.rstrip("/"))
        candidates, skipped = await in_thread(
            self._reactor,
            candidates_at,
            self._disk,
            path,
            base,
            self._private,
            publication.stop,
            readable,
        )
        publication.skipped += map(str, skipped)
        publication.total = sum(candidate.stamp.size for candidate in candidates)
        waiting = list(reversed(candidates))
        published: list[Published] = []
        slots = [
            Deferred.fromCoroutine(self._slot(waiting, publication))
            for _ in range(min(FILES_AT_ONCE, len(candidates)))
        ]
        for _, outcome in await DeferredList(slots, consumeErrors=True):
            if isinstance(outcome, Failure):
                outcome.raiseException()
            published += outcome
        return sorted(published)

    async def _slot(self, waiting: list[Candidate], publication: Publication) -> list[Published]:
        """Publish one file after the other until none is left; those that were."""
        published = []
        while waiting:
            candidate = waiting.pop()
            try:
                published.append(await self._publish_file(candidate, publication))
                self.log.debug("Published '{name}'.", name=candidate.name)
            except (AlreadyExists, BadSignature, Refused, StorageProblem) as error:
                if str(candidate.path) == publication.label:
                    raise
                publication.skipped.append(str(Skipped(candidate.path, str(error))))
        return published

    async def _publish_file(self, candidate: Candidate, publication: Publication) -> Published:
        path, name, stamp = candidate
        known = self._library.get(name)
        elsewhere = known is not None and known.path != path
        is_away = known is not None and known.is_share and known.withheld is not None
        if known is not None and (elsewhere or not known.is_share) and not is_away:
            raise AlreadyExists(
                f"This peer holds '{name}' already, in {known.path}; unpublish it first, or "
                "publish under another name."
            )
        function = publication.function or (known.info.function if known else self._function)
        if known is None or elsewhere or (known.stamp, known.info.function) != (stamp, function):
            holding = await self._hash(path, name, function, publication, known)
            if known is not None and self._library.discard(known):
                await self._announcer.withdraw(known)
            self._library.add(holding)
            try:
                await self._store.save(holding)
            except StorageProblem:
                # A share that a restart would forget is none; the user may try again.
                if self._library.discard(holding):
                    await self._announcer.withdraw(holding)
                raise
            if self._library.get(name) is not holding:
                raise Refused(f"'{name}' was not published: it was unpublished meanwhile.")
        else:
            holding = known
            holding.found_again()
            publication.known += stamp.size
            await self._sign_again(holding)
        try:
            await self._announcer.announce(holding)
        except TrackerUnavailable:
            return Published(name, False)
        except Refused as refusal:
            if self._library.discard(holding):
                await self._store.delete(name)
            raise Refused(f"'{name}' was not published: {refusal}") from None
        return Published(name, True)

    async def _sign_again(self, share: Holding) -> None:
        """Sign what is unchanged if nobody's word stands for it; raises `BadSignature`."""
        if not self._stands(share.signature):
            after = share.signature.at if share.signature is not None else 0
            share.signed(self._signing().sign(share.name, share.info, after))
            await self._store.save(share)

    def _stands(self, signature: Signature | None) -> bool:
        return signature is not None and not self._signing().is_void(signature)

    async def _hash(
        self,
        path: Path,
        name: str,
        function: Hash,
        publication: Publication,
        known: Holding | None,
    ) -> Holding:
        earlier = known or publication.earlier
        kept = earlier.signature if earlier is not None else None
        if not self._stands(kept):
            # Before the work. Who may not sign may share again what is as another signed it.
            self._signing().check_may_sign(name)
        hasher = await in_thread(
            self._reactor, FileHasher, self._disk, path, function, self._smallest_chunk
        )
        try:
            workers = min(self._background.size, max(1, hasher.info.totalchunknum))
            work = [
                self._background.run(hasher.work, publication.stop, publication.hashed)
                for _ in range(workers)
            ]
            for _, outcome in await DeferredList(work, consumeErrors=True):
                if isinstance(outcome, Failure):
                    outcome.raiseException()
            info, hashes, stamp = await in_thread(self._reactor, hasher.result)
        finally:
            hasher.close()
        if earlier is None or earlier.info != info or not self._stands(kept):
            kept = self._signing().sign(name, info, kept.at if kept is not None else 0)
        return Holding.published(name, info, hashes, path, stamp, kept)
