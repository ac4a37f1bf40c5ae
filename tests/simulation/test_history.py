"""Histories of whole swarms are the same whenever and wherever they are played."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.simulation import history as of_history
from tests.simulation.history import history


@pytest.mark.parametrize("kind", ["open", "private"])
def test_the_same_seed_gives_the_same_history(place: Path, kind: str) -> None:
    """Every byte at the same time, in this process and in one that hashes otherwise."""
    here = history(place, 1, kind == "private")
    with TemporaryDirectory(prefix="sim-") as directory:
        assert history(Path(directory), 1, kind == "private") == here
    for hash_seed in ("1", "2"):
        program = [sys.executable, "-m", of_history.__name__, "1", kind]
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        there = subprocess.run(
            program, env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        assert there.stdout.strip() == here


def test_another_seed_gives_another_history(place: Path) -> None:
    """The seed decides what is left to chance."""
    assert history(place / "1", 1).split()[0] != history(place / "2", 2).split()[0]
