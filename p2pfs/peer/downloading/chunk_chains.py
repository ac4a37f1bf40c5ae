"""The chain of each chunk: ask a source, check what came, keep it, or reroute."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pfs.errors import Refused
from p2pfs.peer.downloading.context import DownloadContext
from p2pfs.peer.downloading.in_flight import InFlight
from p2pfs.peer.downloading.running import RunningDownload
from p2pfs.peer.downloading.source_set import SourceSet
from p2pfs.peer.library import Holding
from p2pfs.peer.payloads import ChunkSink
from p2pfs.peer.policy import Picker
from p2pfs.peer.sources import Source, SourceConnection, WrongChunk


class ChunkChains:
    """The chunks of one download that are in flight, each to its end.

    A chain ends when its chunk is kept, or when it is missing again and whoever is to be
    blamed for that is.
    """

    def __init__(
        self,
        context: DownloadContext,
        holding: Holding,
        picker: Picker[Source],
        in_flight: InFlight,
        source_set: SourceSet,
        download: RunningDownload,
    ) -> None:
        """``holding`` has the part file that the chunks go to."""
        assert holding.part is not None
        self._reactor = context.reactor
        self._intake = context.incoming.intake
        self._experience = context.experience
        self._holding = holding
        self._part = holding.part
        self._picker = picker
        self._in_flight = in_flight
        self._source_set = source_set
        self._download = download

    def fetch(self, source: Source, chunknum: int) -> None:
        """Ask a source that is connected for a chunk that the picker has in flight there."""
        connection = source.connection
        assert connection is not None
        sink = self.sink(chunknum)
        request = connection.fetch(self._holding.name, self._holding.info, chunknum, sink)
        self._in_flight.asked(
            chunknum, source, connection, sink.length, request, self._reactor.seconds()
        )
        self.follow(chunknum, sink)

    def sink(self, chunknum: int) -> ChunkSink:
        """Where the bytes of a chunk go."""
        info = self._holding.info
        return ChunkSink(
            self._reactor,
            self._part,
            info.offset(chunknum),
            info.length(chunknum),
            info.hasher(),
            came=self._download.came,
        )

    def follow(self, chunknum: int, sink: ChunkSink) -> None:
        """See a chunk to its end that was asked for, and goes to ``sink``."""
        asked = self._in_flight.chunks[chunknum]
        source, connection = asked.source, asked.connection
        chunk = self._holding.name, chunknum
        self._intake.begin(connection, chunk, lambda: sink.missing, asked.at)
        self._download.follow(
            asked.request.addCallback(self._check, sink, connection, chunknum)
            .addCallback(self._keep, source, chunknum)
            .addErrback(self._reroute, sink, source, connection, chunknum)
        )

    def is_right(self, chunknum: int, digest: bytes) -> bool:
        """Whether a chunk has that digest, as far as anything is known of it."""
        info = self._holding.info
        if info.root is None:
            return True  # the publisher gave nothing to check against but the sender's digest
        if info.totalchunknum == 1:
            return info.hash_list(digest).root == info.root
        return digest == self._holding.hashes[chunknum]

    def _check(
        self, claimed: bytes | None, sink: ChunkSink, connection: SourceConnection, chunknum: int
    ) -> Deferred[bytes]:
        """The chunk's digest once it is written; fails with `WrongChunk`.

        ``claimed`` is what its sender says it is, or None.
        """

        def compare(digest: bytes) -> bytes:
            if claimed not in (None, digest) or not self.is_right(chunknum, digest):
                connection.found_wrong(self._holding.name, chunknum)
                raise WrongChunk(f"{connection.address}: it sent a wrong chunk {chunknum}")
            return digest

        self._in_flight.arrived(chunknum)
        return sink.finish().addCallback(compare)

    def _keep(self, digest: bytes, source: Source, chunknum: int) -> None:
        now = self._reactor.seconds()
        asked = self._in_flight.kept(chunknum, now)
        self._intake.end(asked.connection, (self._holding.name, chunknum), now)
        self._picker.succeeded(chunknum, now - max(asked.at, source.last_delivery))
        source.delivered(now)
        self._experience.delivered(source.address)
        self._holding.kept(chunknum, digest)
        self._download.kept(asked, chunknum)

    def _reroute(
        self,
        failure: Failure,
        sink: ChunkSink,
        source: Source,
        connection: SourceConnection,
        chunknum: int,
    ) -> Deferred[None]:
        """The chunk did not come: once nothing writes to its place any more, ask another."""

        def settled(_: None) -> None:
            self._picker.failed(chunknum)
            self._intake.drop(connection, (self._holding.name, chunknum))
            whose = f"{source.address}: " if failure.check(Refused) else ""
            self._in_flight.failed(chunknum, f"{whose}{failure.value}", self._reactor.seconds())
            self._download.missed(chunknum)
            if failure.check(Refused):
                self._source_set.denied(source, chunknum, str(failure.value))
            else:
                self._source_set.connector.blame(failure, source, connection)

        return sink.settled().addCallback(settled)
