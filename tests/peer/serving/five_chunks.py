"""The file that a serving peer shares in most tests: five chunks, the last one smaller."""

from __future__ import annotations

from p2pfs.peer.library import Holding
from tests.peer.holdings import content
from tests.peer.serving_pair import Serving

DATA = content(95)
CHUNKS = [DATA[start : start + 20] for start in range(0, 95, 20)]


def held(serving: Serving) -> Holding:
    """What it shares."""
    return serving.library["f"]
