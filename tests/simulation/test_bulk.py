"""Bulk that is written small and weighs as much as it stands for, and messages as they are."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from p2pfs.testing import Host, Network, Swarm, download, publish
from p2pfs.testing.streams import SEGMENT, WINDOW, is_bulk
from tests.simulation.parts import Pair, Stuffing

MB = 1_000_000
BULK = 64


def network_of(place: Path, bulk: int) -> Network:
    """A network with links of 1 MB/s and 100 ms of round trip, still to be closed."""
    network = Network(place / str(bulk), Random(1), bulk=bulk)
    for name in "ab":
        network.add_host(name, up=1 * MB, down=1 * MB, latency=0.025)
    return network


def both_ends(network: Network) -> tuple[Host, Host]:
    """The hosts of `network_of`."""
    return network.hosts["a"], network.hosts["b"]


def test_bulk_takes_the_time_and_the_bytes_of_what_it_stands_for(place: Path) -> None:
    """A 64th of the bytes arrives when all of them would, and is counted as all of them."""
    times: list[list[float]] = []
    for bulk in (1, BULK):
        with network_of(place, bulk) as network:
            sender, receiver = both_ends(network)
            pair = Pair(sender, receiver)
            began, size = network.timeline.now, SEGMENT * 100
            pair.client.transport.write(b"x" * (size // bulk))
            network.run(10)
            assert len(pair.server.received) == size // bulk
            assert sender.uplink.carried == receiver.downlink.carried == size
            assert sender.uplink.bulk == size
            times.append([time - began for time, event in pair.server.events if "bytes" in event])
    assert times[1] == pytest.approx(times[0])
    assert len(times[0]) == 100  # segment for segment


def test_messages_weigh_what_they_are(place: Path) -> None:
    """A line takes its own bytes of the link, however much bulk is written beside it."""
    with network_of(place, BULK) as network:
        sender, receiver = both_ends(network)
        pair = Pair(sender, receiver)
        pair.client.transport.write(b'{"a":1}\n{"b":2}\n')
        pair.client.transport.write(b"x" * 1000)
        pair.client.transport.write(b'{"c":3}\n')
        network.run(10)
        assert bytes(pair.server.received) == b'{"a":1}\n{"b":2}\n' + b"x" * 1000 + b'{"c":3}\n'
        assert sender.uplink.bulk == BULK * 1000
        assert sender.uplink.carried - sender.uplink.bulk == 24


def test_a_window_holds_what_bulk_stands_for(place: Path) -> None:
    """On links without limit, it is the window that a round trip passes, and no more."""
    with Network(place, Random(1), bulk=BULK) as network:
        ends = [network.add_host(name, latency=0.05) for name in "ab"]
        pair = Pair(*ends)
        pair.client.transport.write(b"x" * (100 * WINDOW // BULK))
        network.run(2.1)  # ten round trips, and half a one on the way
        assert len(pair.server.received) * BULK == pytest.approx(11 * WINDOW, abs=WINDOW)


def test_buffers_hold_what_bulk_stands_for(place: Path) -> None:
    """A producer is paused as early as one of the true size, or slots would seem shorter."""
    written = []
    for bulk in (1, BULK):
        with network_of(place, bulk) as network:
            pair = Pair(*both_ends(network))
            pair.server.transport.pauseProducing()
            producer = Stuffing(pair.client.transport, MB, piece=6400 // bulk)
            network.run(10)
            assert producer.paused
            written.append(bulk * (MB - producer.left))
    assert written[0] == written[1] > WINDOW


@pytest.mark.parametrize(
    ("data", "bulk"),
    [
        (b'{"type":"PEER_TURNS"}\n', False),
        (b'{"type":"PEER_TURNS"}\n{"type":"PEER_PING_PONG"}\n', False),
        (b"", True),
        (b"\n", True),
        (b'{"type', True),
        (b"\x00" * 100, True),
        (b"any\n", True),
    ],
)
def test_whole_messages_are_told_from_payload(data: bytes, bulk: bool) -> None:
    """By how a write begins and ends: sizes would not do, as a long bitfield is larger."""
    assert is_bulk(data) is bulk


def test_a_download_keeps_its_time_and_its_share_of_messages(place: Path) -> None:
    """A peer that fetches small chunks in place of large ones takes as long, and says as much."""
    took, said, sent = [], [], []
    for bulk in (1, 16):
        with network_of(place, bulk) as network:
            hosts = both_ends(network)
            tracker = network.add_host("tracker")
            swarm = Swarm(network)
            swarm.start_tracker(tracker)
            chunk = (64 << 10) // bulk
            source, peer = (swarm.start_peer(host, tracker, smallest_chunk=chunk) for host in hosts)
            network.run(1)
            path = hosts[0].directory / "file"
            path.write_bytes(Random(1).randbytes(32 * chunk))
            network.result_of(publish(source, path), 10)
            network.result_of(download(peer, "file", hosts[1].directory / "file")[1], 60)
            took.append(network.timeline.now)
            links = [host.uplink for host in (*hosts, tracker)]
            sent.append(sum(link.bulk for link in links))
            said.append(sum(link.carried - link.bulk for link in links))
    assert took[1] == pytest.approx(took[0], rel=0.002)
    assert sent == [32 * (64 << 10)] * 2
    # The numbers in the messages have fewer digits, that is all.
    assert said[1] == pytest.approx(said[0], rel=0.02)


def test_sizes_must_be_some(place: Path) -> None:
    """A segment or weight of nought would never pass anything."""
    for name in ("segment", "bulk", "window"):
        with pytest.raises(ValueError, match=name):
            Network(place, Random(1), **{name: 0})  # type: ignore[arg-type]
