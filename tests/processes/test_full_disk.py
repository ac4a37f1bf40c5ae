"""A disk that is full: the download ends with a clear error, the peer lives on."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pfs.errors import StorageProblem
from tests.processes.daemons import MIB, Machines, random_file, sha256


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("mounting a small file system needs root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"this system does not let root mount: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk(machines: Machines, small_disk: Path) -> None:
    """It is told before anything is written to it, and what fits is still fetched."""
    machines.tracker()
    source, fetcher = machines.peer("s"), machines.peer("f")
    source.ask("publish", str(random_file(machines.directory / "large", 16 * MIB)))
    small = random_file(machines.directory / "small", 2 * MIB)
    source.ask("publish", str(small))
    with pytest.raises(StorageProblem, match=r"There is no room for 'large'.*; make room"):
        fetcher.ask("download", "large", str(small_disk / "large"))
    assert list(small_disk.iterdir()) == []
    assert fetcher.ask("status")["shares"] == []
    fetcher.ask("download", "small", str(small_disk / "small"))
    assert sha256(small_disk / "small") == sha256(small)


def test_a_limit_on_file_sizes(machines: Machines) -> None:
    """The same for a process that may not write large files."""
    limit = (4 * MIB, 4 * MIB)
    machines.tracker()
    source = machines.peer("s")
    fetcher = machines.peer(
        "f", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    )
    source.ask("publish", str(random_file(machines.directory / "large", 16 * MIB)))
    with pytest.raises(StorageProblem, match="larger than the file system or a limit allows"):
        fetcher.ask("download", "large", str(machines.directory / "copy"))
    assert fetcher.ask("status")["downloads"] == []
