"""Fixtures for tests of a peer's commands."""

from __future__ import annotations

import pytest

from p2pfs.testing import Network
from tests.peer.commands.console import Consoles


@pytest.fixture
def consoles(network: Network) -> Consoles:
    """A source that shares ``dir/f.bin``, and who may fetch it."""
    return Consoles(network)
