"""A tracker's parts put together."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import msgspec
import pytest
from twisted.internet.defer import Deferred, maybeDeferred

from p2pfs.chunks import FileInfo
from p2pfs.daemon import Descriptors
from p2pfs.testing import InlineReactor
from p2pfs.tracker.quotas import Quotas
from p2pfs.tracker.settings import TrackerSettings
from p2pfs.tracker.tracker import Tracker
from tests.membership.private_swarm import PrivateSwarm
from tests.memory_transport import MemoryTransport
from tests.tracker.tracker_connections import INFO, ROOT


def tracker(reactor: InlineReactor, quota: int = 100, descriptors: int = 100) -> Tracker:
    """One that may have so many connections, by its quota and by the system."""
    room = Descriptors(connections=descriptors)
    settings = TrackerSettings(Path("s"), quotas=Quotas(connections=quota), descriptors=room)
    return Tracker(reactor, settings, Random(1), lambda size: bytes(size), lambda: 0.0)


def connect(made: Tracker, reactor: InlineReactor) -> MemoryTransport:
    """One more connection."""
    return MemoryTransport(made.factory.buildProtocol(None), reactor)


@pytest.mark.parametrize(("quota", "descriptors"), [(2, 100), (100, 2)])
def test_there_are_as_many_connections_as_both_allow(quota: int, descriptors: int) -> None:
    """Who comes when the system has no room for more is told so, and does not take it all."""
    reactor = InlineReactor()
    made = tracker(reactor, quota, descriptors)
    connections = [connect(made, reactor) for _ in range(3)]
    reactor.advance(0)
    heard = [connection.heard() for connection in connections]
    assert [len(each) for each in heard] == [0, 0, 1]
    for connection in connections:
        connection.hang_up()


def test_what_peers_say_is_in_its_directory() -> None:
    """The console shows the directory that the connections fill."""
    reactor = InlineReactor()
    made = tracker(reactor)
    peer = connect(made, reactor)
    peer.ask(type="REQUEST_REGISTER", address="192.0.2.7:1")
    peer.ask(type="REQUEST_PUBLISH", filename="f", fileinfo=INFO)
    assert list(made.directory) == ["f"]
    assert list(made.factory.joined) == made.directory.peers == ["192.0.2.7:1"]
    peer.hang_up()
    assert list(made.directory) == []


def test_it_goes_by_the_signing_that_it_is_given(tmp_path: Path) -> None:
    """Who runs a private swarm hands it in; then nothing is listed without a signature."""
    reactor, swarm = InlineReactor(), PrivateSwarm(tmp_path / "authority")
    made = tracker(reactor)
    made.go_by(swarm.names())
    peer = connect(made, reactor)
    peer.ask(type="REQUEST_REGISTER", address="192.0.2.7:1")
    asked = {"type": "REQUEST_PUBLISH", "filename": "f", "fileinfo": INFO}
    (reply,) = peer.ask(**asked)
    assert "is not signed" in reply["message"]
    swarm.join("a")
    signature = swarm.names("a").sign("f", FileInfo(10, 5, 2, ROOT))
    (reply,) = peer.ask(**asked, signature=json.loads(msgspec.json.encode(signature)))
    assert reply["result"] is True
    swarm.revoke("a")
    made.revocations_changed()
    (told,) = peer.heard()
    assert (told["type"], told["request"], told["filename"]) == (
        "ERROR",
        "REQUEST_CHUNK_REGISTER",
        "f",
    )
    assert "The certificate of who signed this is revoked" in told["message"]
    assert list(made.directory) == []
    peer.hang_up()


def test_its_stop_leaves_nothing() -> None:
    """Neither connections nor timers, whatever there was."""
    reactor = InlineReactor()
    made = tracker(reactor)
    connections = [connect(made, reactor) for _ in range(3)]
    connections[0].ask(type="REQUEST_REGISTER", address="192.0.2.7:1")
    steps: list[Deferred[object]] = [maybeDeferred(step) for step in made.steps_of_stop()]
    reactor.advance(0)
    assert all(step.called for step in steps)
    assert all(connection.lost for connection in connections)
    assert made.factory.joined == {}
    assert not reactor.getDelayedCalls()
