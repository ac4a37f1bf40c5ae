"""A low limit of open files, and a host that opens as many connections as it can."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from p2pfs.errors import Cancelled
from tests.processes.daemons import MIB, Machines, free_port, random_file, sha256, until

LIMIT = 64


def few_descriptors() -> None:
    """In a new process."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, LIMIT))


@pytest.fixture
def crowd() -> Iterator[ExitStack]:
    """Connections that do nothing, closed in the end."""
    with ExitStack() as crowd:
        yield crowd


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")
def test_a_peer_serves_and_answers(machines: Machines, crowd: ExitStack) -> None:
    """While 80 idle connections hang on its port, and 80 on that of its SSH console."""
    machines.tracker()
    keys = machines.directory / "keys"
    keys.write_text(
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJxOTYVLGTYUJpQdHEWKPTJvtXFHFwzIVUYkDTjWwBnb x\n"
    )
    keys.chmod(0o600)
    machines.directory.chmod(0o700)
    port, ssh = free_port(), free_port()
    source = machines.peer(
        "s",
        *("--listen", f"tcp:{port}:interface=127.0.0.1"),
        *("--ssh", f"tcp:{ssh}:interface=127.0.0.1", "--authorized-keys", str(keys)),
        preexec_fn=few_descriptors,
    )
    fetcher = machines.peer("f", preexec_fn=few_descriptors)
    file = random_file(machines.directory / "file", 8 * MIB)
    source.ask("publish", str(file))
    for to in (port, ssh):
        for _ in range(80):
            # From another address than the honest downloader's.
            idle = socket.create_connection(("127.0.0.1", to), source_address=("127.0.0.2", 0))
            crowd.enter_context(idle)
    fetcher.ask("download", "file", str(machines.directory / "copy"))
    assert sha256(machines.directory / "copy") == sha256(file)
    assert source.ask("status")["shares"]
    assert open_files(source.process.pid) < LIMIT
    assert "EMFILE" not in source.log.read_text()
    assert "Too many open files" not in source.log.read_text()


def test_more_downloads_than_there_is_room_for(
    machines: Machines, background: ThreadPoolExecutor
) -> None:
    """Wait in line; a directory of many files comes all the same."""
    machines.tracker()
    source = machines.peer("s")
    fetcher = machines.peer("f", preexec_fn=few_descriptors)
    top = machines.directory / "d"
    top.mkdir()
    for number in range(40):
        random_file(top / str(number), 1000)
    source.ask("publish", str(top))
    fetcher.ask("download", "d/", str(machines.directory / "copies"))
    assert len(os.listdir(machines.directory / "copies")) == 40
    source.ask("publish", str(random_file(machines.directory / "large", 8 * MIB)))
    fetcher.ask("limit", "download", "10K")
    large = background.submit(fetcher.ask, "download", "large", str(machines.directory / "large.2"))
    until(lambda: fetcher.ask("status")["downloads"])
    try:
        fetcher.ask("download", "d/1", str(machines.directory / "one"), "--detach")
        [_, waits] = fetcher.ask("status")["orders"]
        assert (waits["name"], waits["state"]) == ("d/1", "queued")
    finally:
        fetcher.ask("cancel", "large")
    assert isinstance(large.exception(), Cancelled)
    assert fetcher.ask("attach", "d/1")["size"] == 1000
