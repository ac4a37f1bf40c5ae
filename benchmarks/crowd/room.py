"""Where the files of a simulated crowd can lie."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from benchmarks.crowd.plan import Crowd
from benchmarks.problems import Skipped
from benchmarks.report import mib
from benchmarks.stage import MARGIN, free_room
from p2pfs.daemon import free_descriptors
from p2pfs.daemon.descriptors import allow_many

STATE = 256 << 10
"""Bytes of a peer's database and journal, and what it may take on the disk beside its file."""

DESCRIPTORS = 8
"""Files that a peer has open: of its database, its download, and chunks that it reads."""


def place_for(crowd: Crowd, directory: Path | None) -> Path:
    """A directory with room for a crowd; raises `Skipped` when there is none.

    Without a ``directory`` it is in memory if possible: a simulated disk takes no
    time, but writing to a real one would.
    """
    needs = (crowd.peers + 1) * (crowd.chunks * crowd.real_chunk_size + STATE) + MARGIN
    places = [Path("/dev/shm"), Path(tempfile.gettempdir())] if directory is None else [directory]
    places = [place for place in places if os.access(place, os.W_OK | os.X_OK)]
    for place in places:
        if free_room(place) >= needs:
            return place
    free = " and ".join(f"{place} has {mib(free_room(place))}" for place in places)
    raise Skipped(
        f"A copy for each of {crowd.peers} peers needs {mib(needs)}, but "
        f"{free or f'nothing can be written to {directory}'}; "
        "choose a larger --scale, fewer peers or chunks, or another place with --dir."
    )


def check_descriptors(crowd: Crowd) -> None:
    """Raise the limit of open files, and `Skipped` when it stays too low."""
    allow_many()
    needs = (crowd.peers + 1) * DESCRIPTORS
    if free_descriptors() < needs:
        raise Skipped(
            f"{crowd.peers} peers have up to {needs} files open, but the system allows "
            f"{free_descriptors()}; raise that limit (ulimit -n), or choose fewer peers."
        )
