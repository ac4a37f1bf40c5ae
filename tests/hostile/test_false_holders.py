"""Against a downloader, in simulated time: peers that claim every chunk and give none.

An honest source is beside them. What it could have given is not left lying for their silence.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from p2pfs.peer.service import PeerService
from p2pfs.testing import Host, Network, Swarm, download, publish
from p2pfs.tracker.vouchers import MOST_HOSTS, Vouchers
from tests.soak.claiming import CLAIM_SECONDS
from tests.soak.false_holder import KINDS, Lie, start_false_holders

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
        self.vouchers = self.swarm.start_tracker(self.tracker).tracker.factory.vouchers
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

    def beset(self, kind: str, hosts: int, ports: int, vouching: bool = False) -> Lie:
        """Have hosts claim the file, each at so many ports."""
        lie = Lie(kind, lambda name: [self.path.read_bytes()])
        false: list[Host] = [self.network.add_host(f"false{n}") for n in range(hosts)]
        start_false_holders(false, ports, self.tracker, lie, vouching)
        # With the second of their claims all of them are known.
        self.network.run(1.0 + (CLAIM_SECONDS if vouching else 0.0))
        return lie

    def fetch(self) -> float:
        """Seconds that the download takes."""
        _, fetched = download(self.fetcher, "f", self.directory / "f")
        seconds = self.network.result_of(fetched, within=200).seconds
        assert (self.directory / "f").read_bytes() == self.path.read_bytes()
        return seconds


def seconds_beside(
    place: Path,
    kind: str,
    hosts: int,
    ports: int,
    seed: int = 1,
    chunks: int = CHUNKS,
    vouching: bool = False,
) -> float:
    """How long the download takes beside false holders."""
    with Network(place, Random(seed), bulk=BULK) as network:
        scene = Scene(network, chunks)
        lie = scene.beset(kind, hosts, ports, vouching)
        assert len(scene.vouchers) == (MOST_HOSTS * hosts if vouching else 0)
        seconds = scene.fetch()
        assert lie.asked or kind in ("without a ping", "unreachable"), "they were not tried"
        return seconds


@pytest.mark.parametrize(
    ("kind", "hosts", "ports"),
    [(kind, 1, 20) for kind in KINDS]
    + [(kind, 10, 1) for kind in ("silent", "dripping", "offering", "unreachable")],
)
def test_a_few_false_holders(place: Path, kind: str, hosts: int, ports: int) -> None:
    """They cost less than half the time again."""
    assert seconds_beside(place, kind, hosts, ports) <= 1.5 * ALONE


@pytest.mark.parametrize("kind", ["silent in turns", "offering"])
def test_many_hosts_of_false_holders(place: Path, kind: str) -> None:
    """The honest source is found among 200."""
    assert seconds_beside(place, kind, 200, 1) <= 3 * ALONE


@pytest.mark.parametrize("kind", ["silent", "dripping", "offering"])
def test_fewer_chunks_than_false_holders(place: Path, kind: str) -> None:
    """All of them are asked of one host at first; what it does not send goes to others."""
    assert seconds_beside(place, kind, 1, 20, chunks=5) <= 5.0


@pytest.mark.parametrize("kind", ["silent", "sends one chunk", "dripping", "offering"])
def test_many_hosts_that_vouch_for_each_other(place: Path, kind: str) -> None:
    """It helps them in nothing: the honest source, for whom nobody vouches, has its turn."""
    assert seconds_beside(place, kind, 200, 1, vouching=True) <= 3 * ALONE


def has(peer: PeerService, chunks: int) -> bool:
    """Whether a downloader has so many chunks by now."""
    holding = peer.peer.library.get("f")
    return holding is not None and len(holding.chunks) >= chunks


def first_chunk_of_a_second(place: Path, seed: int, vouching: bool = False) -> float:
    """Seconds that one waits for it who begins when the first downloader has a few."""
    with Network(place, Random(seed), bulk=BULK) as network:
        scene = Scene(network)
        host = network.add_host("second")
        second = scene.swarm.start_peer(host, scene.tracker)
        scene.beset("silent", 200, 1, vouching)
        download(scene.fetcher, "f", scene.directory / "f")
        assert network.run(60.0, lambda: has(scene.fetcher, 4))
        began = host.reactor.seconds()
        download(second, "f", host.directory / "f")
        assert network.run(60.0, lambda: has(second, 1))
        return host.reactor.seconds() - began


def test_who_comes_second_is_helped_by_the_word_of_the_first(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It tries the honest source sooner among 200 hosts than without it."""
    seeds = range(2, 5)

    def together(word: str) -> float:
        return sum(first_chunk_of_a_second(place / f"{word}{seed}", seed) for seed in seeds)

    with_word = together("with")
    monkeypatch.setattr(Vouchers, "speak_for", lambda *_: [])
    assert with_word < 0.8 * together("without")


@pytest.mark.parametrize("kind", ["silent", "dripping", "offering", "without a ping"])
def test_one_chunk_that_many_hosts_claim(place: Path, kind: str) -> None:
    """It is asked of many beside each other, whether they have to be asked or offer it."""
    assert seconds_beside(place, kind, 200, 1, chunks=1) <= 10.0


def test_fewer_chunks_than_hosts_that_offer_them(place: Path) -> None:
    """An offer is taken although a chunk is in flight, as long as only others on trial have it."""
    assert seconds_beside(place, "offering", 200, 1, chunks=5) <= 10.0
