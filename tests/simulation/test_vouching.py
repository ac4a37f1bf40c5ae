"""Downloaders vouch for their sources, to each tracker that they join."""

from __future__ import annotations

from pathlib import Path
from random import Random

from p2pfs.testing import Network, Swarm, download, publish


def test_each_tracker_is_told_from_whom_chunks_came(place: Path) -> None:
    """Also one that has forgotten everything, in the middle of a download."""
    with Network(place, Random(1), bulk=16) as network:
        swarm, host = Swarm(network), network.add_host("tracker")
        tracker = swarm.start_tracker(host)
        source, fetcher = (
            swarm.start_peer(network.add_host(name, up=1e6), host, smallest_chunk=1 << 16)
            for name in ("source", "fetcher")
        )
        path = network.hosts["source"].directory / "f"
        path.write_bytes(Random(2).randbytes(4_000_000))
        network.run(1.0)
        network.result_of(publish(source, path), within=10)
        _, fetched = download(fetcher, "f", network.hosts["fetcher"].directory / "f")
        network.run(3.0)
        assert tracker.tracker.factory.vouchers.speak_for([source.peer.announcer.address or ""], "")
        host.kill()
        tracker = swarm.start_tracker(host)
        network.run(30.0)
        assert not fetcher.peer.library["f"].chunks.whole
        assert tracker.tracker.factory.vouchers.speak_for([source.peer.announcer.address or ""], "")
        assert len(tracker.tracker.factory.vouchers) == 1
        network.result_of(fetched, within=100)
