"""Fixtures with real processes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.processes.daemons import Machines


@pytest.fixture
def machines(place: Path) -> Iterator[Machines]:
    """Daemons of one test, stopped and removed at its end."""
    machines = Machines(place / "machines")
    machines.directory.mkdir(mode=0o700)
    yield machines
    machines.close()


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    """Runs blocking commands while the test goes on."""
    with ThreadPoolExecutor(8) as pool:
        yield pool
