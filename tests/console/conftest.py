"""A daemon to talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_twisted

from tests.console.toy import Daemon


@pytest_twisted.async_yield_fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Daemon]:
    """A control service with toy commands, stopped after the test."""
    daemon = Daemon(tmp_path / "state")
    yield daemon
    if daemon.service.running:
        await daemon.service.stopService()
