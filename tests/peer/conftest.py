"""Fixtures for tests of a peer's parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.peer.download_scene import Scene, Scenes


@pytest.fixture
def scene() -> Iterator[Scenes]:
    """Makes scenes, and clears them away."""
    made: list[Scene] = []

    def make(**settings: Any) -> Scene:
        made.append(Scene(**settings))
        return made[-1]

    yield make
    for one in made:
        one.close()
