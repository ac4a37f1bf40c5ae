"""A system that lets a daemon have no thread, or one: it says so, or does with that."""

from __future__ import annotations

import resource

from tests.processes.daemons import MIB, Daemon, Machines, random_file, sha256, until

STACK = 1024 * MIB
"""What each thread takes of a process's address space here; by default it is 8 MiB."""


def allow(threads: int) -> None:
    """In a new process: room for so many threads, and for whatever else a daemon needs."""
    resource.setrlimit(resource.RLIMIT_STACK, (STACK, STACK))
    most = threads * STACK + 768 * MIB
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def test_one_thread_is_enough(machines: Machines) -> None:
    """What it cannot do at the same time is done one after the other."""
    machines.tracker()
    source = machines.peer("s")
    fetcher = machines.peer("f", preexec_fn=lambda: allow(1))
    file = random_file(machines.directory / "file", 8 * MIB)
    source.ask("publish", str(file))
    fetcher.ask("download", "file", str(machines.directory / "copy"))
    assert sha256(machines.directory / "copy") == sha256(file)


def test_without_a_thread_it_says_so_and_stops(machines: Machines) -> None:
    """A peer that can open no file would keep everybody waiting."""
    peer = Daemon(
        "peer", machines.directory / "p", "--tracker", "none", preexec_fn=lambda: allow(0)
    )
    machines.daemons.append(peer)
    until(lambda: not peer.runs)
    assert "No thread can be started" in peer.log.read_text()
