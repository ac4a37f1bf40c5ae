"""The files that a peer serves: found by name and content, and opened to be read."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from p2pfs.chunks import HashList
from p2pfs.errors import Refused, StorageProblem
from p2pfs.peer.library import Holding, Library
from p2pfs.peer.storage import ChunkReader, Disk, FileAway, FileChanged
from p2pfs.reactor import ThreadedReactor
from p2pfs.threads import in_thread
from p2pfs.wire import Notices


class ServedFiles:
    """What the library has, for those who ask; what is wrong with it is told to others."""

    log = Logger()

    def __init__(
        self,
        reactor: ThreadedReactor,
        disk: Disk,
        library: Library,
        changed: Callable[[Holding, FileChanged], None],
    ) -> None:
        """``changed`` is told of a holding whose file is no longer what was published."""
        self._reactor = reactor
        self._disk = disk
        self._library = library
        self._changed = changed
        self._unreadable = Notices(reactor, self.log.warn)

    def holding(self, filename: str, root: str | None) -> Holding:
        """What this peer holds under that name; raises `Refused` when it is not that content."""
        holding = self._library.get(filename)
        if holding is None:
            raise Refused("This peer does not share that file.")
        if holding.withheld is not None:
            raise Refused("This peer does not share that file at present.")
        if root is not None and root.lower() != holding.info.root:
            raise Refused("This peer holds another content under that name.")
        return holding

    def with_chunk(self, filename: str, chunknum: int, root: str | None) -> Holding:
        """The same, if that chunk of it is here; raises `Refused` when it is not."""
        holding = self.holding(filename, root)
        if chunknum not in holding.chunks:
            raise Refused("This peer does not hold that chunk.")
        return holding

    def hash_list(self, filename: str, root: str) -> HashList:
        """The digests of all chunks; raises `Refused` when they are not known."""
        holding = self.holding(filename, root)
        if holding.hashes.root != holding.info.root:
            raise Refused("This peer does not have the hash list yet.")
        return holding.hashes

    def claims(self, filename: str, chunknum: int) -> Holding | None:
        """The holding that has a chunk to give at present, whatever its content, if there is."""
        holding = self._library.get(filename)
        if holding is None or holding.withheld or chunknum not in holding.chunks:
            return None
        return holding

    async def open(self, holding: Holding) -> ChunkReader:
        """A reader for a holding; raises `FileChanged` when its file is not what it was."""
        if holding.part is not None:
            return holding.part.reader()
        return await in_thread(
            self._reactor, ChunkReader.open, self._disk, holding.path, holding.stamp
        )

    def failed(self, holding: Holding, problem: StorageProblem, host: str) -> Refused:
        """A file could not be read for a host: what that is told, who has no business with paths.

        Why it could not is told to who looks after shares, or to the log.
        """
        if isinstance(problem, FileChanged):
            self._changed(holding, problem)
            if isinstance(problem, FileAway):
                return Refused("This peer does not share that file at present.")
            return Refused("The file was changed or removed; this peer shares it no more.")
        self._unreadable.note(host, f"asked for what cannot be read: {problem}")
        return Refused("This peer cannot read the file at present.")
