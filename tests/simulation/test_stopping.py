"""The stop of a daemon: one step that fails keeps no other from being taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from p2pfs.peer.service import PeerService
from p2pfs.testing import Network, Swarm, download, publish
from p2pfs.testing.swarm import PEER_PORT
from tests.conftest import LoggedFailures

Parts = dict[str, Callable[[Any], tuple[Any, str]]]
"""What is stopped with a service, and the name of the call that does it."""

PARTS_OF_PEER: Parts = {
    "its beginning": lambda peer: (peer, "_has_begun"),
    "downloads": lambda peer: (peer.peer.downloads, "stop"),
    "publishing": lambda peer: (peer.peer.publisher, "stop"),
    "threads": lambda peer: (peer.peer._background, "stop"),
    "the watch": lambda peer: (peer.peer.share_watcher, "stop"),
    "the tracker": lambda peer: (peer.peer.announcer, "stop"),
    "connections made": lambda peer: (peer.peer._callee, "stop"),
    "the port": lambda peer: (peer.ports[0], "stopListening"),
    "a connection": lambda peer: (next(iter(peer.peer.reception.connections)), "abort"),
    "a console": lambda peer: (peer.services[0], "stopService"),
    "the record": lambda peer: (peer.peer.store, "close"),
}

PARTS_OF_TRACKER: Parts = {
    "probing": lambda tracker: (tracker.tracker.factory.prober, "stop"),
    "a port": lambda tracker: (tracker.ports[0], "stopListening"),
    "a connection": lambda tracker: (next(iter(tracker.tracker.factory.connections)), "abort"),
    "a console": lambda tracker: (tracker.services[0], "stopService"),
}

PARTS = {"peer": PARTS_OF_PEER, "tracker": PARTS_OF_TRACKER}


class Broken(Exception):
    """What no step expects."""


def breaks(*args: object) -> None:
    raise Broken


@pytest.fixture
def swarm(network: Network) -> Swarm:
    """A tracker, and a peer that serves another one just now."""
    swarm = Swarm(network)
    tracker = network.add_host("tracker")
    peer, other = network.add_host("peer", up=10_000), network.add_host("other")
    swarm.start_tracker(tracker, listen=["tcp:6880", "tcp:6890"])
    for host in (peer, other):
        swarm.start_peer(host, tracker)
    network.run(1)
    path = peer.directory / "f"
    path.write_bytes(bytes(300_000))
    source, receiver = swarm.daemons[peer], swarm.daemons[other]
    assert isinstance(source, PeerService)
    assert isinstance(receiver, PeerService)
    network.result_of(publish(source, path), 10)
    download(receiver, "f", other.directory / "f")[1].addErrback(lambda _: None)
    network.run(5)
    assert len(source.peer.reception.connections) == 1
    return swarm


def check_stop(
    swarm: Swarm, name: str, broken: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other ports are closed, and the directory may be used again, after a broken step."""
    network, host = swarm.network, swarm.network.hosts[name]
    daemon, (what, step) = swarm.daemons[host], broken
    ports = dict.fromkeys(host.reactor.ports.values())
    monkeypatch.setattr(what, step, breaks)
    network.result_of(swarm.stop(host), 60)
    assert daemon.claim is None
    left = [port for port in ports if port in host.reactor.ports.values()]
    if step not in ("stopListening", "stopService"):
        assert left == []
    else:
        assert len(left) == 1  # the one whose closing fails


@pytest.mark.parametrize(
    ("role", "part"),
    [
        *(("peer", part) for part in PARTS_OF_PEER),
        *(("tracker", part) for part in PARTS_OF_TRACKER),
    ],
)
def test_a_daemon_gives_up_its_ports_and_its_directory(
    swarm: Swarm,
    role: str,
    part: str,
    monkeypatch: pytest.MonkeyPatch,
    logged_failures: LoggedFailures,
) -> None:
    """Whichever of its parts cannot be stopped; that is logged."""
    daemon = swarm.daemons[swarm.network.hosts[role]]
    check_stop(swarm, role, PARTS[role][part](daemon), monkeypatch)
    [event] = logged_failures.flush()
    assert event["log_failure"].check(Broken)


def test_nobody_comes_in_while_those_that_are_in_are_seen_off(
    swarm: Swarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that came then would outlive the peer."""
    host = swarm.network.hosts["peer"]
    peer = swarm.daemons[host]
    assert isinstance(peer, PeerService)
    [connection] = peer.peer.reception.connections
    open_then: list[bool] = []
    really = connection.abort

    def abort() -> None:
        open_then.append(PEER_PORT in host.reactor.ports)
        really()

    monkeypatch.setattr(connection, "abort", abort)
    swarm.network.result_of(swarm.stop(host), 60)
    assert open_then == [False]
