"""One download with a clock of its own; its tracker and its sources are the test."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from p2pfs.addresses import Address, parse_address
from p2pfs.chunks import ChunkSet, FileInfo, HashList
from p2pfs.errors import DownloadFailed, SourceFailed, TrackerUnavailable
from p2pfs.hashing import Hash
from p2pfs.peer.downloading import DownloadContext
from p2pfs.peer.downloading.download import Download
from p2pfs.peer.downloading.running import HEARTBEAT
from p2pfs.peer.library import Checkpointer, Holding, LibraryStore
from p2pfs.peer.payloads import SpareMemory
from p2pfs.peer.policy import Experience
from p2pfs.peer.rates import RateMeter
from p2pfs.peer.settings import Patience
from p2pfs.peer.sources import Incoming, ReadySource, Source, SourceConnection
from p2pfs.peer.storage import Disk, PartFile
from p2pfs.testing.inline import InlineReactor
from p2pfs.wire.messages import ReplyFileLocation
from tests.memory_transport import MemoryTransport
from tests.peer.holdings import content, described

CHUNK = 1000
DATA = content(4 * CHUNK)
INFO, HASHES = described(DATA, CHUNK, Hash.BLAKE3)
ALL = ChunkSet.full(4)


class Scene:
    """A download, its tracker and its sources, all of which are the test."""

    def __init__(
        self,
        max_sources: int = 4,
        records: Path | None = None,
        hashes: HashList = HASHES,
        info: FileInfo = INFO,
        **patience: float,
    ) -> None:
        """With ``records``, a directory, what is written must find room on record.

        ``hashes`` are known from the beginning; ``info`` is what the tracker says.
        """
        self.clock = InlineReactor()
        self.patience = Patience(**patience)  # type: ignore[arg-type]  # all but one are floats
        self.asked: list[float] = []
        self.location: Deferred[ReplyFileLocation] | None = None
        self.sources: dict[str, MemoryTransport] = {}
        self.reachable: set[str] = set()
        self.take_turns: set[str] = set()
        self.gains: list[int] = []
        self.experience = Experience()
        self.spare = SpareMemory()
        self.incoming = Incoming()
        self.heard: defaultdict[str, bytes] = defaultdict(bytes)
        self._fd = os.memfd_create("part")
        part = PartFile(Disk(), Path("x.part"), len(DATA), self._fd)
        known = info.hash_list(bytes(hashes))
        self.holding = Holding.begun("x", info, known, Path("x.part"), Path("x"))
        self.holding.opened(part, part.identity)
        context = DownloadContext(
            self.clock,
            Random(1),
            self.patience,
            max_sources,
            self.incoming,
            self._announcer(),
            self._no_call_backs(),
            lambda: self.gains.append(self.holding.chunks.bits),
            experience=self.experience,
            spare=self.spare,
        )
        self.members: dict[Address, str] = {}
        pool: Any = SimpleNamespace(get=self._get, learn=self.members.update)
        self.store: LibraryStore | None = None
        checkpointer = None if records is None else self._checkpointer(records, part)
        self.download = Download(context, pool, self.holding, checkpointer, RateMeter())
        self.outcome: list[Any] = []
        self.download.finished.addBoth(self.outcome.append)

    def _checkpointer(self, directory: Path, part: PartFile) -> Checkpointer:
        self.store = LibraryStore(self.clock, Disk(), directory / "db")
        Deferred.fromCoroutine(self.store.open())
        return Checkpointer(self.clock, Disk(), self.store, directory, self.holding, part)

    def _no_call_backs(self) -> Any:
        """Nobody is called: the scene makes all connections."""

    def _announcer(self) -> Any:
        return SimpleNamespace(
            address="192.0.2.1:1",
            reachable=True,
            answers=True,
            hurry=lambda: None,
            retry_at=None,
            locate=self._locate,
            register_chunk=lambda *_: None,
        )

    def _locate(self, name: str) -> Deferred[ReplyFileLocation]:
        self.asked.append(self.clock.seconds())
        if self.location is None:
            return fail(TrackerUnavailable("gone"))
        return self.location

    def _get(self, address: Address) -> Deferred[ReadySource]:
        name = str(address)
        if name not in self.reachable:
            return fail(SourceFailed(f"{name}: cannot be reached"))
        source = SourceConnection(self.clock, address, self.patience, self.incoming)
        self.sources[name] = MemoryTransport(source, self.clock)
        source.takes_turns = name in self.take_turns
        ready: Deferred[ReadySource] = Deferred()
        ready.callback(ReadySource(source, 0.0))
        return ready

    def proven(self, *names: str) -> None:
        """Have these sources delivered a chunk before, to another download."""
        for name in names:
            self.experience.delivered(parse_address(name))

    def start(self, *names: str, holders: int | None = None) -> None:
        """Begin, with all chunks at these sources."""
        self.download.start(self.named(*names, holders=holders))

    def named(
        self, *names: str, holders: int | None = None, chunks: ChunkSet = ALL
    ) -> ReplyFileLocation:
        """What the tracker says."""
        bitfields = {name: chunks.to_bitfield() for name in names}
        return ReplyFileLocation("x", self.holding.info, bitfields, holders)

    def tell(self, location: ReplyFileLocation) -> None:
        """Answer the tracker's next question."""
        asked = len(self.asked)
        self.location = Deferred()
        self.run(lambda: len(self.asked) > asked)
        answered, self.location = self.location, None
        answered.callback(location)

    def run(self, until: float | Callable[[], bool], most: float = 300.0) -> None:
        """Let time pass, in heartbeats: so many seconds, or until something is the case."""
        end = self.clock.seconds() + (most if callable(until) else until)
        while self.clock.seconds() < end and not (callable(until) and until()):
            self.clock.advance(HEARTBEAT)
            for name, transport in self.sources.items():
                self.heard[name] += transport.take()
        assert not callable(until) or until(), "it did not happen"

    def asked_for(self, name: str) -> int:
        """How many chunks a source was asked for, as far as `run` saw."""
        return self.heard[name].count(b'"PEER_REQUEST_CHUNK"')

    def send(
        self, name: str, chunknum: int, wrong: bool = False, length: int = CHUNK, **fields: Any
    ) -> None:
        """Have a source send a chunk, or only so many bytes of it, with further ``fields``."""
        data = DATA[chunknum * CHUNK :][:length]
        transport = self.sources[name]
        transport.say(
            type="PEER_REPLY_CHUNK", filename="x", chunknum=chunknum, length=CHUNK, **fields
        )
        transport.deliver(b"?" * length if wrong else data)

    def source(self, name: str) -> Source:
        """What the download knows of a source that it is connected to."""
        connected = self.download._source_set.connected
        [source] = [each for each in connected if str(each.address) == name]
        return source

    @property
    def content(self) -> bytes:
        """What was written."""
        return os.pread(self._fd, len(DATA), 0)

    @property
    def known(self) -> set[str]:
        """The sources it knows."""
        return {source.address for source in self.download.explain().sources}

    @property
    def error(self) -> str:
        """What it failed with."""
        [outcome] = self.outcome
        assert isinstance(outcome, Failure)
        outcome.trap(DownloadFailed)
        return str(outcome.value)

    def close(self) -> None:
        """Leave nothing behind."""
        if not self.outcome:
            self.download.cancel()
        for transport in self.sources.values():
            transport.hang_up()
        self.clock.advance(0)
        if self.store is not None:
            Deferred.fromCoroutine(self.store.close())
        os.close(self._fd)
        assert not self.clock.getDelayedCalls()


Scenes = Callable[..., Scene]


def address(number: int) -> str:
    """One of many sources."""
    return f"192.0.2.2:{number + 1000}"
