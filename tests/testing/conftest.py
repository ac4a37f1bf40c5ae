"""Two hosts to try things with."""

from __future__ import annotations

import pytest

from p2pfs.testing import Host, Network


@pytest.fixture
def a(network: Network) -> Host:
    """A tenth of a second from each other host."""
    return network.add_host("a", latency=0.1)


@pytest.fixture
def b(network: Network) -> Host:
    """The same."""
    return network.add_host("b", latency=0.1)
