"""One direction of a connection: its window, its segments, and who is slowed down by it."""

from __future__ import annotations

import pytest

from p2pfs.testing import Network
from p2pfs.testing.streams import SEGMENT, SOCKET_BUFFER, WINDOW
from tests.simulation.parts import Pair, Stuffing

MB = 1_000_000


def test_a_window_and_the_latency_bound_a_connection(network: Network) -> None:
    """Without a limit of its links, a connection passes one window in a round trip."""
    sender, receiver = network.add_host("a", latency=0.05), network.add_host("b", latency=0.05)
    pair = Pair(sender, receiver)
    pair.client.transport.write(b"x" * 100 * WINDOW)
    network.run(2.1)  # ten round trips, and half a one on the way
    assert len(pair.server.received) == pytest.approx(11 * WINDOW, abs=WINDOW)


def test_a_reader_that_pauses_pauses_the_writer(network: Network) -> None:
    """A producer is stopped once window and buffers are full, and goes on where it was."""
    pair = Pair(network.add_host("a", up=100 * MB), network.add_host("b"))
    pair.server.transport.pauseProducing()
    producer = Stuffing(pair.client.transport, 5 * MB)
    network.run(10)
    written = 5 * MB - producer.left
    held = WINDOW + SOCKET_BUFFER + pair.client.transport.bufferSize
    assert producer.paused
    assert WINDOW + SOCKET_BUFFER < written <= held + SEGMENT + producer.piece
    assert not pair.server.received

    pair.server.transport.resumeProducing()
    network.run(10)
    assert len(pair.server.received) == 5 * MB
    assert producer.pauses > 1


def test_segments_bound_what_comes_at_once(network: Network) -> None:
    """Small writes travel together, and nothing comes in larger pieces than a segment."""
    pair = Pair(network.add_host("a", up=1 * MB), network.add_host("b"))
    for _ in range(1000):
        pair.client.transport.write(b"x" * 100)
    network.run(1)
    assert len(pair.server.received) == 100_000
    assert pair.server.largest == SEGMENT
    assert len(pair.server.events) < 12
