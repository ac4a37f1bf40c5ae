"""When the tracker is asked who holds the chunks, and what its answers mean."""

from __future__ import annotations

from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred

from p2pfs.addresses import parse_address
from p2pfs.chunks import ChunkSet
from p2pfs.errors import TrackerUnavailable
from p2pfs.peer.downloading import DownloadContext
from p2pfs.peer.downloading.locator import EARLIEST_REFRESH, RELAXED, Locator
from p2pfs.peer.library import Holding
from p2pfs.peer.settings import Patience
from p2pfs.peer.sources import Incoming
from p2pfs.testing.inline import InlineReactor
from p2pfs.wire.messages import ReplyFileLocation
from tests.peer.download_scene import HASHES, INFO

ELSE: Any = None
REFRESH = 10.0


class Asked:
    """A locator, whose tracker is the test."""

    def __init__(self) -> None:
        self.clock = InlineReactor()
        self.answer: Deferred[ReplyFileLocation] = Deferred()
        self.announcer: Any = SimpleNamespace(
            address="192.0.2.1:1",
            reachable=True,
            retry_at=None,
            locked_out="",
            locate=lambda _: self.answer,
        )
        context = DownloadContext(
            self.clock,
            Random(1),
            Patience(refresh=REFRESH),
            4,
            Incoming(),
            self.announcer,
            call_backs=ELSE,
        )
        holding = Holding("x", INFO, HASHES, ChunkSet(4), Path("x"))
        self.locator = Locator(context, holding)

    def due(self, delivered_lately: bool = False) -> bool:
        """Whether it is time to ask now."""
        return self.locator.is_due(self.clock.seconds(), delivered_lately)

    def until_due(self, delivered_lately: bool = False) -> float:
        """Seconds until it is."""
        waited = 0.0
        while not self.due(delivered_lately):
            self.clock.advance(0.5)
            waited += 0.5
        return waited

    def hear(self) -> None:
        """The tracker answers what it was not asked just now, as at the beginning."""
        self.locator.heard(self.clock.seconds())


def test_it_is_often_at_first_and_seldom_while_sources_deliver() -> None:
    """Others begin too, and soon have something; later one learns from peers what is new."""
    asked = Asked()
    pauses = []
    for _ in range(6):
        asked.locator.ask()
        asked.answer.callback(ELSE)
        asked.answer = Deferred()
        asked.hear()
        pauses.append(asked.until_due(delivered_lately=True))
    assert pauses == [0.5, 1.0, 3.0, 9.0, 27.0, RELAXED * REFRESH]
    asked.locator.ask()
    asked.answer.callback(ELSE)
    asked.hear()
    assert asked.until_due() == REFRESH, "sooner when nobody delivers"


def test_it_is_asked_once_at_a_time() -> None:
    """However long the tracker takes."""
    asked = Asked()
    located = asked.locator.ask()
    asked.clock.advance(1000.0)
    assert not asked.due()
    assert asked.locator.outlook(1000.0) == "is asking the tracker who holds them"
    found: list[object] = []
    located.addCallback(found.append)
    asked.answer.errback(TrackerUnavailable("gone"))
    assert found == [None], "what is known of sources still holds"
    assert asked.until_due(delivered_lately=True) == REFRESH


def test_it_is_asked_soon_when_sources_fail_but_not_at_once() -> None:
    """A crowd that loses a source at the same time must not all come at once."""
    asked = Asked()
    asked.clock.advance(100.0)
    asked.hear()
    asked.locator.hurry()
    asked.clock.advance(EARLIEST_REFRESH - 0.5)
    asked.locator.hurry()
    assert asked.until_due(delivered_lately=True) == 0.5


def test_what_a_person_is_told_of_the_tracker() -> None:
    """When it is asked next, or that it cannot be."""
    asked = Asked()
    asked.clock.advance(100.0)
    asked.hear()
    asked.locator.hurry()
    assert asked.locator.outlook(100.0) == "asks the tracker in 1.0 s"
    assert asked.locator.outlook(500.0) == "asks the tracker in 0.0 s"
    asked.announcer.reachable = False
    assert asked.locator.outlook(100.0) == "no tracker is reachable"
    asked.announcer.retry_at = 104.0
    assert asked.locator.outlook(100.0) == "no tracker is reachable, tried again in 4.0 s"
    asked.announcer.locked_out = "The certificate of gpu-17 is revoked."
    told = "the tracker does not let this peer in, tried again in 4.0 s. The certificate"
    assert asked.locator.outlook(100.0).startswith(told)


def test_only_sense_is_taken_from_an_answer() -> None:
    """Neither this peer itself, nor what is no address or no bitfield; nor another content."""
    asked = Asked()
    full = ChunkSet.full(4).to_bitfield()
    chunks = {"192.0.2.1:1": full, "192.0.2.2:2": full, "rubbish": full, "192.0.2.3:3": b"long"}
    location = ReplyFileLocation("x", INFO, chunks, waiting={"192.0.2.4:4": b"\0"})
    named = asked.locator.named_in(location)
    assert named == {parse_address("192.0.2.2:2"): 0b1111, parse_address("192.0.2.4:4"): 0}
    other = ReplyFileLocation("x", type(INFO)(1, 1, 1, None), chunks)
    assert asked.locator.named_in(other) == {}
