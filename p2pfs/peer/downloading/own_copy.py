"""A download of what this peer shares itself: it is copied, and only what is wrong is fetched."""

from __future__ import annotations

from twisted.logger import Logger

from p2pfs.errors import StorageProblem
from p2pfs.peer.downloading.job import Job
from p2pfs.peer.library import Holding, Library, LibraryStore, warn_not_recorded
from p2pfs.peer.storage import Disk, copy_chunks, remove_part
from p2pfs.reactor import ThreadedReactor
from p2pfs.threads import in_thread


class OwnCopy:
    """The copy of a share, which is in no library and on no record."""

    log = Logger()

    def __init__(
        self,
        reactor: ThreadedReactor,
        disk: Disk,
        library: Library,
        store: LibraryStore,
        job: Job,
        holding: Holding,
    ) -> None:
        """``holding`` is what it is copied into."""
        self._reactor = reactor
        self._disk = disk
        self._library = library
        self._store = store
        self._job = job
        self._holding = holding

    async def copy(self) -> None:
        """Take from the share what is right in it and missing here; all the rest is to be fetched.

        Raises the job's reason once that is cancelled.
        """
        holding, share = self._holding, self._library.get(self._job.name)
        if share is not None and share.info == holding.info:  # or else it was unpublished just now
            self._job.phase = "copying from this peer's own share"
            assert holding.part is not None
            try:
                copied = await in_thread(
                    self._reactor,
                    copy_chunks,
                    self._disk,
                    share.path,
                    share.stamp,
                    holding.part,
                    holding.info,
                    holding.hashes,
                    holding.chunks.missing,
                    self._job.stop,
                )
                holding.copied(copied)
            except StorageProblem as error:
                self.log.warn("{error}", error=str(error))
        self._job.check()

    def finished(self) -> None:
        """The copy has its name: when that is the place of the share, the share is as it is."""
        share, copy = self._library.get(self._job.name), self._holding
        if share is not None and (share.path, share.info) == (copy.path, copy.info):
            assert copy.stamp is not None
            share.replaced(copy.stamp)
            self._store.save(share).addErrback(warn_not_recorded)

    async def remove(self) -> None:
        """It came to nothing: nobody would know whose it is, and copying it again is quick."""
        path, identity = self._holding.path, self._holding.identity
        try:
            await in_thread(self._reactor, remove_part, self._disk, path, identity)
        except StorageProblem as error:
            # What the download ended for is to be told, not this.
            self.log.warn("{error}", error=str(error))
