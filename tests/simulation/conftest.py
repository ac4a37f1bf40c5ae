"""A network for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from p2pfs.testing import Network


@pytest.fixture
def network(place: Path) -> Iterator[Network]:
    """An empty network, closed in the end."""
    with Network(place, Random(1)) as network:
        yield network
