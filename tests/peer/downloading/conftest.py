"""Peers whose files have small chunks."""

from __future__ import annotations

import pytest

from p2pfs.testing import Network
from tests.peer.downloading.pairs import Peers, PeersOfSmallChunks


@pytest.fixture
def peers(network: Network) -> Peers:
    """See there."""
    return PeersOfSmallChunks(network)
