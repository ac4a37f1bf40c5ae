"""The swarm fixture."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_twisted

from tests.swarm.harness import Swarm


@pytest_twisted.async_yield_fixture()
async def swarm(tmp_path: Path) -> AsyncIterator[Swarm]:
    """A running tracker, to which a test adds peers; all are stopped afterwards."""
    swarm = Swarm(tmp_path)
    swarm.start_tracker()
    yield swarm
    await swarm.stop_all()
