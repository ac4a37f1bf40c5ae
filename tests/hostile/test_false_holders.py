"""Against a downloader, in simulated time: peers that claim every chunk and give none.

An honest source is beside them. What it could have given is not left lying for their silence.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from p2pfs.testing import Host, Network, Swarm, download, publish
from soak.false_holder import KINDS, Lie, start_false_holders

CHUNKS = 40
BULK = 16
SIZE = (64 << 10) * CHUNKS
"""Bytes of the file; to the links it has sixteen times as many, 40 MiB."""

UPLINK = 5e6
"""Bytes a second that the honest source can send."""

ALONE = SIZE * BULK / UPLINK
"""Seconds that it takes the honest source alone, at the least."""


class Scene:
    """A tracker, an honest source, a downloader, and room for others."""

    def __init__(self, network: Network, chunks: int = CHUNKS) -> None:
        self.network = network
        self.swarm = Swarm(network)
        self.tracker = network.add_host("tracker")
        self.swarm.start_tracker(self.tracker)
        hosts = [network.add_host("source", up=UPLINK), network.add_host("fetcher")]
        self.source, self.fetcher = (
            self.swarm.start_peer(host, self.tracker, smallest_chunk=SIZE // CHUNKS)
            for host in hosts
        )
        self.directory = hosts[1].directory
        self.path = hosts[0].directory / "f"
        self.path.write_bytes(Random(2).randbytes(SIZE * chunks // CHUNKS))
        network.run(1.0)
        network.result_of(publish(self.source, self.path), within=10)

    def beset(self, kind: str, hosts: int, ports: int) -> Lie:
        """Have hosts claim the file, each at so many ports."""
        lie = Lie(kind, lambda name: [self.path.read_bytes()])
        false: list[Host] = [self.network.add_host(f"false{n}") for n in range(hosts)]
        start_false_holders(false, ports, self.tracker, lie)
        self.network.run(1.0)
        return lie

    def fetch(self) -> float:
        """Seconds that the download takes."""
        _, fetched = download(self.fetcher, "f", self.directory / "f")
        seconds = self.network.result_of(fetched, within=200).seconds
        assert (self.directory / "f").read_bytes() == self.path.read_bytes()
        return seconds


def seconds_beside(
    place: Path, kind: str, hosts: int, ports: int, seed: int = 1, chunks: int = CHUNKS
) -> float:
    """How long the download takes beside false holders."""
    with Network(place, Random(seed), bulk=BULK) as network:
        scene = Scene(network, chunks)
        lie = scene.beset(kind, hosts, ports)
        seconds = scene.fetch()
        assert lie.asked or kind in ("without a ping", "unreachable"), "they were not tried"
        return seconds


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("hosts", "ports"), [(1, 20), (10, 1)])
def test_a_few_false_holders(place: Path, kind: str, hosts: int, ports: int) -> None:
    """They cost less than half the time again."""
    assert seconds_beside(place, kind, hosts, ports) <= 1.5 * ALONE


@pytest.mark.parametrize("kind", KINDS)
def test_many_hosts_of_false_holders(place: Path, kind: str) -> None:
    """The honest source is found among 200."""
    assert seconds_beside(place, kind, 200, 1) <= 3 * ALONE


@pytest.mark.parametrize("kind", ["silent", "dripping", "offering"])
def test_fewer_chunks_than_false_holders(place: Path, kind: str) -> None:
    """All of them are asked of one host at first; what it does not send goes to others."""
    assert seconds_beside(place, kind, 1, 20, chunks=5) <= 5.0
