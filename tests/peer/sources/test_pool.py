"""Connections to sources that downloads share, and what is remembered of each source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Factory

from p2pfs.addresses import Address
from p2pfs.errors import SourceFailed
from p2pfs.peer.library import Library
from p2pfs.peer.rates import RateLimit
from p2pfs.peer.serving import ServedFiles, ServingFactory
from p2pfs.peer.settings import Patience
from p2pfs.peer.sources import Incoming, OutOfReach, ReadySource, Room, Source, SourcePool
from p2pfs.peer.sources.pool import DENIAL_SECONDS, FAILURES_IN_A_ROW
from p2pfs.testing import Network

PORT = 7000


class Pooled:
    """A pool on one host, and a peer that listens on another."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.near, self.far = network.add_host("near"), network.add_host("far")
        self.room = Room(2)
        self.pool = SourcePool(
            self.near.reactor, Patience(), Incoming(), self._no_call_backs(), self.room
        )
        files = ServedFiles(self.far.reactor, self.far.disk, Library(), lambda *_: None)
        self.serving = ServingFactory(self.far.reactor, files, RateLimit(), Random(1))
        self.listen(PORT, self.serving)

    def _no_call_backs(self) -> Any:
        """All can be reached."""

    def listen(self, port: int, factory: Factory) -> None:
        """Have something listen on the other host."""
        TCP4ServerEndpoint(self.far.reactor, port).listen(factory)

    def get(self, port: int = PORT, host: str | None = None) -> Deferred[ReadySource]:
        """A connection to what listens there."""
        return self.pool.get(Address(host or self.far.address, port))

    def error(self, port: int, host: str | None = None) -> SourceFailed:
        """Why there is none."""
        with pytest.raises(SourceFailed) as caught:
            self.network.result_of(self.get(port, host), 60)
        return caught.value


@pytest.fixture
def pooled(tmp_path: Path) -> Iterator[Pooled]:
    """Nothing is open yet; in the end nothing is any more."""
    with Network(tmp_path, Random(1)) as network:
        pooled = Pooled(network)
        yield pooled
        network.result_of(pooled.pool.close(), 10)
        network.run(1)
        assert not pooled.serving.connections
        assert not pooled.room.taken


def test_all_downloads_of_a_pool_share_a_connection(pooled: Pooled) -> None:
    """Also when they ask for it before it stands."""
    both = [pooled.get(), pooled.get()]
    first, second = [pooled.network.result_of(one, 10) for one in both]
    assert first is second
    assert first.round_trip > 0
    assert pooled.network.result_of(pooled.get(), 10) is first
    assert len(pooled.serving.connections) == 1


def test_a_connection_that_has_ended_is_opened_anew(pooled: Pooled) -> None:
    """And its place is had again."""
    for _ in range(3):
        ready = pooled.network.result_of(pooled.get(), 10)
        assert pooled.room.taken == 1
        ready.connection.abort()
        pooled.network.run(1)


def test_an_attempt_goes_on_until_nobody_waits_for_it(pooled: Pooled) -> None:
    """One download that ends does not cost another its connection."""
    first, second = pooled.get(), pooled.get()
    for one in (first, second):
        one.addErrback(lambda _: None)
    first.cancel()
    assert pooled.room.taken == 1
    second.cancel()
    pooled.network.run(1)
    assert pooled.room.taken == 0
    assert not pooled.serving.connections


def test_there_are_no_more_connections_than_there_is_room_for(pooled: Pooled) -> None:
    """The sentence says what to do about it."""
    pooled.listen(PORT + 1, pooled.serving)
    pooled.listen(PORT + 2, pooled.serving)
    for port in (PORT, PORT + 1):
        pooled.network.result_of(pooled.get(port), 10)
    assert "no room for more than 2 connections" in str(pooled.error(PORT + 2))


def test_who_refuses_is_told_from_who_cannot_be_reached(pooled: Pooled) -> None:
    """Of the former host there is a sign of life."""
    refused = pooled.error(PORT + 1)
    assert "nothing listens there" in str(refused)
    assert not isinstance(refused, OutOfReach)
    unknown = pooled.error(PORT, "nowhere.example")
    assert "no host of that name is known" in str(unknown)
    assert isinstance(unknown, OutOfReach)
    pooled.network.partition([pooled.near], [pooled.far])
    late = pooled.error(PORT)
    assert "did not accept a connection within 5 s" in str(late)
    assert isinstance(late, OutOfReach)
    assert pooled.room.taken == 0


# What is remembered of a source


def test_a_source_rests_longer_after_each_failure_until_it_delivers() -> None:
    """Up to a bound; and its bytes count for nothing once it failed too often."""
    source, patience, rests = Source(Address("192.0.2.1", 1)), Patience(), []
    for _ in range(8):
        source.failed("gone", 0.0, patience)
        rests.append(source.rests_until)
    assert rests == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert not source.trusted
    assert not source.may_connect(29.0)
    assert source.may_connect(30.0)
    source.delivered(31.0)
    assert source.trusted
    for number in range(FAILURES_IN_A_ROW):
        assert source.trusted, number
        source.failed("gone", 0.0, patience)
    assert not source.trusted


def test_who_made_room_has_not_failed() -> None:
    """It may only have been busy, and is tried again soon."""
    source = Source(Address("192.0.2.1", 1))
    for _ in range(5):
        source.dismissed("it made room", 10.0, Patience())
    assert (source.failures, source.rests_until) == (0, 11.0)


def test_a_source_is_believed_what_it_says_that_it_lacks() -> None:
    """Whatever the tracker says; and who is banned has nothing at all."""
    source = Source(Address("192.0.2.1", 1), chunks=0b111)
    source.deny(0b010, "no", 5.0)
    assert (source.usable_chunks, source.denied_until) == (0b101, 5.0 + DENIAL_SECONDS)
    assert source.last_error == "192.0.2.1:1: no"
    source.ban("wrong", 6.0)
    assert source.usable_chunks == 0
    assert not source.may_connect(1e9)


def test_sources_are_told_apart_even_if_they_look_alike() -> None:
    """They are keys, whatever happens to them.

    One that was forgotten is not the one that comes at its address later.
    """
    one, other = Source(Address("192.0.2.1", 1)), Source(Address("192.0.2.1", 1))
    known = {one: 1, other: 2}
    one.trial = other.trial
    assert one != other
    one.failed("gone", 0.0, Patience())
    assert (known[one], known[other]) == (1, 2)
