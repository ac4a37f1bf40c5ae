"""A listening side, whose port is closed in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_twisted
from twisted.internet.defer import maybeDeferred

from tests.secure.ends import Listening, turn


@pytest_twisted.async_yield_fixture()
async def listening() -> AsyncIterator[Listening]:
    """It does not listen yet; afterwards neither it nor who connected does any more."""
    listening = Listening()
    yield listening
    if listening.port is not None:
        await maybeDeferred(listening.port.stopListening)
    while listening.door is not None and listening.door.half_open:
        await turn()  # the other side has closed it
    for keeper in listening.factory.made:
        if keeper.transport is not None and not keeper.lost.called:
            keeper.transport.abortConnection()
            await keeper.lost
