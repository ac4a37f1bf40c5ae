"""One download with a clock of its own: whom it knows, and how long it waits."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from p2pfs.addresses import Address
from p2pfs.chunks import ChunkSet, HashList
from p2pfs.errors import DownloadFailed, SourceFailed, TrackerUnavailable
from p2pfs.messages import ReplyFileLocation
from p2pfs.peer.disk import Disk
from p2pfs.peer.downloading import Download
from p2pfs.peer.library import Holding
from p2pfs.peer.rate_limit import RateLimit
from p2pfs.peer.settings import Patience
from p2pfs.peer.source import SourceConnection
from p2pfs.peer.sources import DENIAL_SECONDS, ReadySource
from p2pfs.peer.sourcing import EARLIEST_REFRESH, HEARTBEAT, KNOWN_PER_CONNECTION
from p2pfs.peer.storage import PartFile
from p2pfs.peer.surroundings import Surroundings
from p2pfs.testing.inline import InlineReactor
from tests.memory_transport import MemoryTransport

from .holdings import content, described

CHUNK = 1000
DATA = content(4 * CHUNK)
INFO, HASHES = described(DATA, CHUNK)
ALL = ChunkSet.full(4)


class Scene:
    """A download, its tracker and its sources, all of which are the test."""

    def __init__(self, max_sources: int = 4, **patience: float) -> None:
        self.clock = InlineReactor()
        self.patience = Patience(**patience)  # type: ignore[arg-type]  # all but one are floats
        self.asked: list[float] = []
        self.location: Deferred[ReplyFileLocation] | None = None
        self.sources: dict[str, MemoryTransport] = {}
        self.reachable: set[str] = set()
        self.take_turns: set[str] = set()
        self.gains: list[int] = []
        self._fd = os.memfd_create("part")
        part = PartFile(Disk(), Path("x.part"), len(DATA), self._fd)
        self.holding = Holding(
            "x", INFO, HashList(4, bytes(HASHES)), ChunkSet(4), Path("x.part"), part=part
        )
        around = Surroundings(
            self.clock,
            Random(1),
            self.patience,
            max_sources,
            RateLimit(),
            self._uplink(),
            lambda: self.gains.append(self.holding.chunks.bits),
        )
        pool: Any = SimpleNamespace(get=self._get)
        self.download = Download(around, pool, self.holding, None)
        self.outcome: list[Any] = []
        self.download.finished.addBoth(self.outcome.append)

    def _uplink(self) -> Any:
        return SimpleNamespace(
            address="192.0.2.1:1",
            reachable=True,
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
        source = SourceConnection(
            self.clock, address, self.patience.silence, RateLimit(), self.patience.least_rate
        )
        self.sources[name] = MemoryTransport(source, self.clock)
        source.takes_turns = name in self.take_turns
        ready: Deferred[ReadySource] = Deferred()
        ready.callback(ReadySource(source, 0.0))
        return ready

    def start(self, *names: str, holders: int | None = None) -> None:
        """Begin, with all chunks at these sources."""
        self.download.start(self.named(*names, holders=holders))

    def named(
        self, *names: str, holders: int | None = None, chunks: ChunkSet = ALL
    ) -> ReplyFileLocation:
        """What the tracker says."""
        bitfields = {name: chunks.to_bitfield() for name in names}
        return ReplyFileLocation("x", INFO, bitfields, holders)

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
            for transport in self.sources.values():
                transport.take()
        assert not callable(until) or until(), "it did not happen"

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
        os.close(self._fd)
        assert not self.clock.getDelayedCalls()


Scenes = Callable[..., Scene]


@pytest.fixture
def scene() -> Iterator[Scenes]:
    """Makes scenes, and clears them away."""
    made: list[Scene] = []

    def make(**settings: Any) -> Scene:
        made.append(Scene(**settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


def address(number: int) -> str:
    """One of many sources."""
    return f"192.0.2.2:{number + 1000}"


# How long it waits


def test_a_gap_in_our_own_running_is_no_waiting(scene: Scenes) -> None:
    """A stopped process or a sleeping machine does not use up a download's patience."""
    one = scene()
    one.start()
    one.run(50.0)
    one.clock.advance(100_000.0)
    one.run(9.0)
    assert not one.outcome
    one.run(2.0)
    assert "within 60 s" in one.error


def test_a_gap_in_our_own_running_is_nobodys_silence(scene: Scenes) -> None:
    """A source that owed an answer when this process was stopped keeps its connection."""
    one = scene()
    one.reachable = {address(1)}
    one.start(address(1))
    first = one.sources[address(1)]
    one.run(1.0)
    one.clock.advance(8.6)
    one.run(8.0)
    assert not first.aborted
    one.run(4.0)
    assert first.aborted
    assert "silent" in one.download.explain().sources[0].error


@pytest.mark.parametrize("beginning", [b"", b'{"type":'])
def test_a_dripping_source_ends_in_time_and_is_named(scene: Scenes, beginning: bytes) -> None:
    """To have asked is no progress: 60 s after the last that came, it ends, and says why."""
    one = scene()
    one.reachable = {address(1)}
    one.start(address(1))

    def drip() -> bool:
        transport = one.sources[address(1)]
        if not transport.aborted:
            transport.deliver(b" ")
        return bool(one.outcome)

    one.run(drip)
    assert 60 <= one.clock.seconds() < 75
    assert "0-3: held by 192.0.2.2:1001 (last error: 192.0.2.2:1001: it sent less" in one.error
    assert "less than 64 bytes a second" in one.error
    assert "'why x' says more" in one.error
    assert len(one.error) < 600


def test_a_source_that_only_ever_begins_ends_in_time(scene: Scenes) -> None:
    """Bytes that never make a chunk do not count as progress for ever."""
    one = scene()
    one.reachable = {address(1)}
    one.start(address(1))
    seen: set[int] = set()

    def burst() -> bool:
        transport = one.sources[address(1)]
        if id(transport) not in seen and not transport.aborted:
            seen.add(id(transport))
            transport.deliver(b" " * 900)
        elif not transport.aborted:
            transport.deliver(b" ")
        return bool(one.outcome)

    one.run(burst, 600.0)
    assert "less than 64 bytes a second" in one.error


def test_a_slow_source_is_waited_for(scene: Scenes) -> None:
    """As long as enough comes it may take many times the patience for a source."""
    one = scene()
    one.reachable = {address(1)}
    one.start(address(1))

    def trickle() -> bool:
        one.sources[address(1)].deliver(b" " * 20)
        return bool(one.outcome)

    one.clock.advance(0)
    with pytest.raises(AssertionError, match="did not happen"):
        one.run(trickle, 300.0)
    [group] = [g for g in one.download.explain().groups if g.asked]
    assert group.next[0].startswith("is being sent by 192.0.2.2:1001, asked")
    assert group.rate == pytest.approx(100, abs=25)


def test_the_end_is_the_same_each_time(scene: Scenes) -> None:
    """Chains are ended in the order in which they began, whatever their places in memory."""
    for _ in range(5):
        one = scene()
        one.reachable = {address(n) for n in range(4)}
        one.start(*map(address, range(4)))
        begun = list(one.download._ledger.in_flight)
        assert len(begun) == 4
        one.download.cancel()
        assert list(one.download._ledger.troubles) == begun


def test_who_failed_is_no_helper_until_it_delivers(scene: Scenes) -> None:
    """So that chunks are not passed to and fro between sources that are all slow."""
    one = scene()
    one.reachable = {address(1), address(2)}
    one.start(address(1), address(2))
    helpers = one.download._sourcing.helpers
    assert helpers() == {address(1), address(2)}

    def drip() -> bool:
        second = one.sources[address(2)]
        if not second.aborted:
            second.deliver(b" " * 20)
        return one.clock.seconds() > 12.0

    one.run(drip)
    assert len(one.download._sourcing.connected) == 2
    assert helpers() == {address(2)}


# Selections of holders


def test_a_full_list_replaces_what_was_known(scene: Scenes) -> None:
    """Who is not named any more is forgotten."""
    one = scene()
    one.start(address(1), address(2))
    one.tell(one.named(address(3)))
    assert one.known == {address(3)}


def test_a_selection_adds_to_what_was_known(scene: Scenes) -> None:
    """Who is not named may hold its chunks all the same; who is named holds what is said."""
    one = scene()
    one.start(address(1), address(2), holders=500)
    one.tell(one.named(address(2), address(3), holders=500, chunks=ChunkSet(4, 1)))
    assert one.known == {address(1), address(2), address(3)}
    holds = {source.address: source.holds for source in one.download.explain().sources}
    assert holds == {address(1): 4, address(2): 1, address(3): 1}


def test_what_is_known_of_selections_is_bounded(scene: Scenes) -> None:
    """Connected sources stay, and those named just now; those named longest ago go first."""
    one = scene(max_sources=1)
    one.reachable = {address(0)}
    one.start(address(0), holders=500)
    for number in range(1, 12):
        one.tell(one.named(address(number), holders=500))
    assert len(one.known) == KNOWN_PER_CONNECTION
    assert one.known == {address(n) for n in (0, 9, 10, 11)}
    one.tell(one.named(*map(address, range(20, 30)), holders=500))
    assert one.known == {address(0), *map(address, range(20, 30))}


def test_sources_that_failed_are_forgotten_first(scene: Scenes) -> None:
    """Before others that were named longer ago, but may be good."""
    one = scene(max_sources=2)
    one.reachable = {address(0), address(2)}
    one.start(address(0), holders=500)
    for names in ([1], [2], [3], [1], range(4, 9)):
        one.tell(one.named(*map(address, names), holders=500))
    assert one.known == set(map(address, [0, 2, *range(3, 9)]))


def test_too_small_a_selection_is_asked_for_again_soon(scene: Scenes) -> None:
    """With fewer sources than could be used; not when they suffice, nor after a full list."""
    intervals = []
    for names, holders in ((1, 500), (1, None), (4, 500)):
        one = scene(refresh=10.0, no_source=600.0, silence=600.0)
        one.reachable = {address(n) for n in range(4)}
        one.start()
        one.run(50.0)
        one.tell(one.named(*map(address, range(names)), holders=holders))
        asked, told = len(one.asked), one.clock.seconds()
        one.run(lambda one=one, asked=asked: len(one.asked) > asked)
        intervals.append(one.asked[-1] - told)
    assert intervals == pytest.approx([EARLIEST_REFRESH, 10.0, 10.0], abs=2 * HEARTBEAT)


# Sources that take turns


def said(scene: Scene, name: str, kind: str) -> list[Any]:
    """What a source was told of that kind: chunks of wishes, numbers otherwise."""
    told = []
    for message in scene.sources[name].heard():
        if message["type"] == "PEER_WANT" == kind:
            bitfield = base64.b64decode(message["chunks"])
            told.append(set(ChunkSet.from_bitfield(4, bitfield)))
        elif message["type"] == kind:
            told.append(message["chunknum"])
    return told


def in_turns(one: Scene, *numbers: int) -> list[str]:
    """Begin, with sources that take turns."""
    names = [address(number) for number in numbers]
    one.reachable = one.take_turns = set(names)
    one.start(*names)
    return names


def offer(one: Scene, name: str, chunknum: int) -> None:
    """A source offers a chunk."""
    one.sources[name].say(type="PEER_OFFER", filename="x", chunknum=chunknum)


def send(one: Scene, name: str, chunknum: int) -> None:
    """A source sends a chunk."""
    start = chunknum * CHUNK
    data = base64.b64encode(DATA[start : start + CHUNK]).decode()
    digest = HASHES[chunknum]
    assert digest is not None
    one.sources[name].say(
        type="PEER_REPLY_CHUNK", filename="x", chunknum=chunknum, digest=digest.hex(), data=data
    )


def test_what_one_offers_another_is_told_not_to(scene: Scenes) -> None:
    """No chunk is asked for before it is offered, none of two, and the sender hears of its end."""
    one = scene()
    a, b = in_turns(one, 1, 2)
    assert said(one, a, "PEER_WANT") == said(one, b, "PEER_WANT") == [{0, 1, 2, 3}]
    offer(one, a, 2)
    assert said(one, a, "PEER_REQUEST_CHUNK") == [2]
    assert said(one, b, "PEER_HAVE") == [2]
    offer(one, b, 2)
    assert said(one, b, "PEER_HAVE") == [2]
    send(one, a, 2)
    assert said(one, a, "PEER_HAVE") == [2]
    assert one.gains == [0b100], "who serves is told, once it can be served"


def test_what_did_not_come_is_wanted_again(scene: Scenes) -> None:
    """The source that failed is not told, as long as it is believed; the others are."""
    one = scene()
    a, b = in_turns(one, 1, 2)
    offer(one, a, 2)
    for name in (a, b):
        one.sources[name].take()
    request = {"request": "PEER_REQUEST_CHUNK", "filename": "x", "chunknum": 2}
    one.sources[a].say(type="ERROR", message="no", **request)
    assert said(one, b, "PEER_WANT") == [{0, 1, 2, 3}]
    assert said(one, a, "PEER_WANT") == []
    one.clock.advance(0)
    one.run(DENIAL_SECONDS + 1.0)
    offer(one, a, 2)
    assert said(one, a, "PEER_REQUEST_CHUNK") == [2]


def test_sources_of_both_kinds(scene: Scenes) -> None:
    """Who knows no turns is asked as ever; what it sends the others need not offer."""
    one = scene()
    a, b = address(1), address(2)
    one.reachable, one.take_turns = {a, b}, {b}
    one.start(a, b)
    asked = said(one, a, "PEER_REQUEST_CHUNK")
    assert len(asked) == 2
    (wanted,) = said(one, b, "PEER_WANT") or [set()]
    assert wanted in ({0, 1, 2, 3} - set(asked), {0, 1, 2, 3})


def test_a_source_that_only_answers_pings_ends_no_waiting(scene: Scenes) -> None:
    """Who never offers anything holds nothing up, and a download ends as without a source."""
    one = scene()
    (a,) = in_turns(one, 1)
    ping = {"type": "PEER_PING_PONG", "turns": True}
    for _ in range(70):
        heard = one.sources[a].heard()
        if ping in heard:
            one.sources[a].say(**ping)
        one.clock.advance(0.5)
        one.clock.advance(0.5)
    assert "within 60 s" in one.error


def test_offers_without_end_or_sense_are_declined(scene: Scenes) -> None:
    """Chunks outside the file, those that are here, and more than there is room for."""
    one = scene()
    (a,) = in_turns(one, 1)
    said(one, a, "PEER_WANT")
    for chunknum in (-1, 4, 1 << 40):
        offer(one, a, chunknum)
        assert said(one, a, "PEER_HAVE") == [chunknum]
    for chunknum in range(4):
        offer(one, a, chunknum)
    heard = one.sources[a].heard()
    assert [message["type"] for message in heard].count("PEER_REQUEST_CHUNK") == 3
    assert not one.sources[a].aborted
