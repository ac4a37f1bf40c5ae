"""The daemon that the consoles are tried with, for the program too; and a swarm to join."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.swarm_tracker import SwarmTracker
from tests.console.conftest import daemon

__all__ = ["daemon"]


@pytest.fixture
def tracker(tmp_path: Path) -> Iterator[SwarmTracker]:
    """The tracker of a private swarm, with an authority of its own."""
    made = SwarmTracker(tmp_path / "tracker")
    yield made
    made.records.close()
