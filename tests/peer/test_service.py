"""A peer as a service: what it claims, what it keeps, and when it gives up."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
from twisted.internet.task import deferLater

from p2pfs.daemon import Standing
from p2pfs.errors import P2pfsError, StartupProblem, StorageProblem
from p2pfs.identity import KEY_FILE
from p2pfs.listening import NONE
from p2pfs.peer.library import LibraryStore
from p2pfs.peer.machine import Machine
from p2pfs.peer.peer import STATE_FILE
from p2pfs.peer.service import PeerService
from p2pfs.peer.settings import PeerSettings
from p2pfs.testing import Host, Network, Swarm
from p2pfs.testing.swarm import PEER_PORT
from tests.conftest import LoggedFailures


@pytest.fixture
def host(network: Network) -> Host:
    """The host of the peer."""
    return network.add_host("peer")


def service(host: Host, state: Path, tracker: str = NONE) -> PeerService:
    """A peer that is neither opened nor started."""
    machine = Machine(host.disk, host.reactor.getThreadPool(), Random(1).randbytes)
    settings = PeerSettings(state, tracker, f"tcp:{PEER_PORT}")
    return PeerService(host.reactor, settings, Random(1), machine)


@pytest.mark.parametrize("tracker", ["nonsense:x", "tcp:x", "tcp:1.2.3.4:99999x"])
def test_a_bad_endpoint_is_told_before_anything_is_claimed(host: Host, tracker: str) -> None:
    """Nothing is left of a peer that was mistyped."""
    with pytest.raises(P2pfsError):
        service(host, host.directory / "state", tracker).open()
    assert not (host.directory / "state").exists()
    assert not host.reactor.ports


def test_two_peers_have_no_state_in_common(host: Host) -> None:
    """The second is refused, and has not touched what the first one keeps."""
    swarm = Swarm(host.network)
    first = swarm.start_peer(host, None)
    key = (host.directory / "state" / KEY_FILE).read_bytes()
    with pytest.raises(StartupProblem, match="Another daemon uses"):
        service(host.network.add_host("other"), first.state).open()
    assert (host.directory / "state" / KEY_FILE).read_bytes() == key


def test_a_peer_is_the_same_after_a_restart(host: Host) -> None:
    """By its key, wherever it listens then; with another directory it is another."""
    swarm = Swarm(host.network)
    known = []
    for port in (PEER_PORT, PEER_PORT + 1):
        peer = swarm.start_peer(host, None, listen=f"tcp:{port}")
        assert peer.peer.address.port == port
        known.append(peer.peer.key.fingerprint)
        host.network.run(1)
        host.network.result_of(swarm.stop(host), 10)
    other = swarm.start_peer(host.network.add_host("other"), None)
    assert known[0] == known[1] != other.peer.key.fingerprint


def test_a_damaged_record_is_not_taken_for_an_empty_one(host: Host) -> None:
    """The peer does not start, rather than forget what it shared, and gives back all it claimed."""
    state = host.directory / "state"
    state.mkdir(mode=0o700)
    (state / STATE_FILE).write_bytes(b"damaged" * 1000)
    with pytest.raises(StartupProblem):
        Swarm(host.network).start_peer(host, None)
    assert (state / STATE_FILE).read_bytes() == b"damaged" * 1000
    assert not host.reactor.ports


@pytest.mark.parametrize("problem", [StorageProblem("It is full."), ValueError("unforeseen")])
def test_a_peer_that_cannot_begin_ends(
    host: Host,
    problem: Exception,
    monkeypatch: pytest.MonkeyPatch,
    logged_failures: LoggedFailures,
) -> None:
    """Without its record it would forget; what nobody foresaw is logged with all there is."""

    async def fails(store: Any) -> None:
        await deferLater(host.reactor, 0.1)
        raise problem

    monkeypatch.setattr(LibraryStore, "open", fails)
    swarm = Swarm(host.network)
    swarm.start_peer(host, None)
    host.network.run(1)
    assert host not in swarm.daemons
    failures = [event for event in logged_failures.flush() if event.get("log_failure")]
    assert len(failures) == isinstance(problem, ValueError)


def test_it_is_ready_once_it_has_joined_and_says_how_it_stands(network: Network) -> None:
    """A service manager goes by it; one without a tracker has nothing to wait for."""
    swarm = Swarm(network)
    tracker, host = network.add_host("tracker"), network.add_host("peer")
    peer = swarm.start_peer(host, tracker)
    assert peer.standing() == Standing(False, "Looking after its shares.")
    network.run(2)
    assert not peer.standing().ready
    assert peer.standing().text.startswith("No tracker is reachable at tcp:")
    swarm.start_tracker(tracker)
    network.run(20)
    assert peer.standing().ready
    assert peer.standing().text.startswith("At the tracker tcp:")
    network.result_of(swarm.stop(tracker), 10)
    network.run(1)
    assert not peer.standing().ready
    alone = swarm.start_peer(network.add_host("alone"), None)
    network.run(1)
    assert alone.standing() == Standing(True, "Without a tracker; 'connect' joins one.")
