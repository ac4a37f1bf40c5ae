"""A network for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from p2pfs.testing import Network


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory with a short path: that of a control socket may have 107 bytes."""
    with TemporaryDirectory(prefix="sim-") as directory:
        yield Path(directory)


@pytest.fixture
def network(place: Path) -> Iterator[Network]:
    """An empty network, closed in the end."""
    with Network(place, Random(1)) as network:
        yield network
