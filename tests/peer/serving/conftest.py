"""A serving peer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peer.holdings import shared
from tests.peer.serving.five_chunks import DATA
from tests.peer.serving_pair import Serving


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    """A peer that shares the file f, in five chunks."""
    serving = Serving()
    serving.library.add(shared(tmp_path / "f", DATA, 20))
    return serving
