"""A daemon to talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.task import deferLater

from .toy import Daemon


@pytest.fixture(scope="session", autouse=True)
def _reactor_runs() -> None:
    """Have the reactor's own readers there before the first test's are counted."""
    pytest_twisted.blockon(deferLater(reactor, 0))


@pytest_twisted.async_yield_fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Daemon]:
    """A control service with toy commands, stopped after the test."""
    daemon = Daemon(tmp_path / "state")
    yield daemon
    if daemon.service.running:
        await daemon.service.stopService()
