"""Rates, latencies, and links that connections share fairly."""

from __future__ import annotations

import pytest

from p2pfs.testing import Network
from p2pfs.testing.streams import SEGMENT
from tests.simulation.parts import PORT, Notes, Pair

MB = 1_000_000


def finished(notes: Notes, size: int) -> float:
    """When so many bytes had been received."""
    total = 0
    for time, event in notes.events:
        if event.endswith("bytes"):
            total += int(event.split()[0])
            if total >= size:
                return time
    raise AssertionError(f"only {total} bytes of {size}")


def test_a_transfer_takes_size_by_rate_and_latency(network: Network) -> None:
    """The slower of both links sets the pace, and the latency comes on top, once."""
    sender = network.add_host("a", up=1 * MB, latency=0.02)
    receiver = network.add_host("b", down=2 * MB, latency=0.03)
    pair = Pair(sender, receiver)
    began = network.timeline.now
    pair.client.transport.write(b"x" * MB)
    network.run(5)
    # A segment passes the receiver's link after it has passed the sender's.
    took = finished(pair.server, MB) - began
    assert took == pytest.approx(1.05, abs=SEGMENT / MB)
    assert took > 1.05
    assert sender.uplink.carried == receiver.downlink.carried >= MB


def test_connections_share_a_link_equally_and_others_not_at_all(network: Network) -> None:
    """Two connections through one uplink get half each; another host has all of its own."""
    one, other, receiver = (
        network.add_host("one", up=1 * MB),
        network.add_host("other", up=1 * MB),
        network.add_host("receiver"),
    )
    pairs = [Pair(one, receiver), Pair(one, receiver), Pair(other, receiver)]
    began = network.timeline.now
    for pair in pairs:
        pair.client.transport.write(b"x" * MB)
    network.run(1)
    halves = [len(pair.server.received) for pair in pairs[:2]]
    assert halves == [pytest.approx(MB / 2, abs=2 * SEGMENT)] * 2
    network.run(5)
    assert finished(pairs[2].server, MB) - began == pytest.approx(1.0, abs=0.05)
    assert finished(pairs[1].server, MB) - began == pytest.approx(2.0, abs=0.05)


def test_a_downlink_is_shared_too(network: Network) -> None:
    """Three senders with links of their own into one downlink get a third each."""
    receiver = network.add_host("receiver", down=3 * MB)
    pairs = [Pair(network.add_host(f"s{n}"), receiver) for n in range(3)]
    for pair in pairs:
        pair.client.transport.write(b"x" * 3 * MB)
    network.run(1)
    shares = [len(pair.server.received) for pair in pairs]
    assert shares == [pytest.approx(MB, abs=2 * SEGMENT)] * 3


def test_a_rate_can_be_changed_but_not_to_nothing(network: Network) -> None:
    """A link goes on at its new rate; nought would stop it for ever."""
    sender, receiver = network.add_host("a", up=1 * MB), network.add_host("b")
    pair = Pair(sender, receiver)
    pair.client.transport.write(b"x" * 2 * MB)
    network.run(1)
    sender.uplink.rate = 10 * MB
    network.run(0.2)
    assert len(pair.server.received) == 2 * MB
    with pytest.raises(ValueError, match="is not a rate"):
        sender.uplink.rate = 0


def test_set_up_takes_a_round_trip(network: Network) -> None:
    """The client is connected after one, the server's end stands half a one later."""
    client, server = network.add_host("a", latency=0.1), network.add_host("b", latency=0.1)
    pair = Pair(client, server)
    assert pair.client.times["made"] == pytest.approx(0.4)
    assert pair.server.times["made"] == pytest.approx(0.6)


def test_a_site_latency_adds_to_those_of_the_hosts(network: Network) -> None:
    """What lies between two hosts counts for new connections in both directions."""
    client, server = network.add_host("a", latency=0.1), network.add_host("b", latency=0.1)
    network.site_latency = lambda one, other: 0.3
    assert Pair(client, server).client.times["made"] == pytest.approx(1.0)


def test_loopback_is_fast_and_own(network: Network) -> None:
    """A host reaches itself past its links, and each host's loopback is another one."""
    host = network.add_host("a", up=1.0, down=1.0)
    other = network.add_host("b")
    assert other.reactor.listenTCP(PORT + 1, Pair(host, host).servers, interface="127.0.0.1")
    pair = Pair(host, host)
    pair.client.transport.write(b"x" * MB)
    network.run(0.001)
    assert len(pair.server.received) == MB
    assert host.uplink.carried == 0
