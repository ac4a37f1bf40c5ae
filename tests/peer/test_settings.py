"""What a peer can be told, and what it does when it is told nothing."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from p2pfs.addresses import is_loopback
from p2pfs.peer.settings import DEFAULT_LISTEN, DEFAULT_TRACKER, Patience, PeerSettings
from p2pfs.testing import Network, Swarm
from p2pfs.testing.swarm import TRACKER_PORT


def test_nobody_else_gets_in_unless_that_is_asked_for(network: Network) -> None:
    """By default a peer listens on loopback, and looks for its tracker there."""
    peer = Swarm(network).start_peer(network.add_host("peer"), None, listen=DEFAULT_LISTEN)
    assert is_loopback(peer.peer.address.host)
    assert f"tcp:127.0.0.1:{TRACKER_PORT}" == DEFAULT_TRACKER


def test_nothing_is_limited_or_shared_unless_that_is_asked_for(tmp_path: Path) -> None:
    """And two peers have no list in common."""
    one, other = PeerSettings(tmp_path), PeerSettings(tmp_path)
    assert (one.upload_rate, one.download_rate, one.ssh, one.share) == (None, None, None, [])
    assert one.share is not other.share


def test_patience_is_long_enough_to_see_what_it_waits_for() -> None:
    """A source is found silent, and another tried, well before a download gives up."""
    patience = Patience()
    assert all(getattr(patience, field.name) > 0 for field in fields(Patience))
    assert patience.no_source >= 3 * (patience.silence + patience.connect)
    assert patience.call_back > patience.connect
    assert patience.rest < patience.longest_rest < patience.no_source
    assert patience.retry_tracker < patience.longest_retry_tracker
