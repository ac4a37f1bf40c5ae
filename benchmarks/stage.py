"""Where a benchmark happens: a directory, its processes, and the end of both."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.problems import BenchmarkFailed, Skipped
from benchmarks.processes import Worker, cpu_seconds, end, memory, time_limit
from benchmarks.report import MIB, mib
from benchmarks.timing import Sample
from tests.processes.daemons import Daemon, Machines, random_file, until
from tests.processes.private_machines import PrivateMachines

MARGIN = 512 * MIB
"""Room that is to be left, for the processes and whatever else runs here."""

SLOWEST = 16 * MIB
"""Bytes in a second; what moves them slower is stuck."""


@dataclass(frozen=True)
class Settings:
    """What the command line says."""

    runs: int
    directory: Path
    size_mib: int | None = None
    files: int | None = None
    peers: int | None = None

    def size(self, usual_mib: int) -> int:
        """Bytes to move, unless told otherwise so many MiB."""
        return (usual_mib if self.size_mib is None else self.size_mib) * MIB

    def count(self, usual: int) -> int:
        """Files to make, unless told otherwise so many."""
        return usual if self.files is None else self.files


class Stage:
    """The directory and the processes of one benchmark; all are gone at its end."""

    def __init__(self, settings: Settings, needs: int) -> None:
        """Raise `Skipped` when there is no room for ``needs`` bytes."""
        check_room(settings.directory, needs)
        self.settings = settings
        self.directory = Path(tempfile.mkdtemp(prefix="p2pfs-bench-", dir=settings.directory))
        self.machines = Machines(self.directory / "d")
        self.private = PrivateMachines(self.directory / "p")
        """A swarm beside the other, of members only."""
        for machines in (self.machines, self.private):
            machines.directory.mkdir()
        self.peaks: dict[str, int] = {}
        self._workers: dict[str, Worker] = {}
        self._programs: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Everything is ended whatever happens, so that nothing is left behind.
        try:
            for worker in self._workers.values():
                worker.close()
            for program in self._programs.values():
                end(program)
            for daemon in self._daemons:
                end(daemon.process)
            if kind is None:
                for machines in (self.machines, self.private):
                    machines.close()  # fails when a daemon logged a traceback
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)

    # Processes

    @property
    def _daemons(self) -> list[Daemon]:
        return [*self.machines.daemons, *self.private.daemons]

    def tracker(self) -> Daemon:
        """Start the tracker."""
        return self.machines.tracker()

    def peer(self, name: str, *options: str) -> Daemon:
        """Start a peer, and wait until it has joined."""
        return self.machines.peer(name, *options)

    def state(self, name: str) -> Path:
        """The state directory that a peer of that name has, or will have."""
        return self.machines.directory / name

    def worker(self, name: str, module: str) -> Worker:
        """Start a worker."""
        worker = Worker(module, self.directory / f"{name}.log")
        self._workers[name] = worker
        return worker

    def program(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a program of somebody else's."""
        with (self.directory / f"{name}.log").open("wb") as log:
            program = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._programs[name] = program
        return program

    def stop(self, daemon: Daemon) -> None:
        """End a daemon before the others."""
        self._note_peak(daemon.state.name, daemon.process.pid)
        end(daemon.process)

    def note_peaks(self) -> dict[str, int]:
        """The peak memory so far of every process by its name, the highest where it ran again."""
        for daemon in self._daemons:
            self._note_peak(daemon.state.name, daemon.process.pid)
        for name, worker in self._workers.items():
            self._note_peak(name, worker.process.pid)
        for name, program in self._programs.items():
            self._note_peak(name, program.pid)
        return self.peaks

    def _note_peak(self, name: str, pid: int) -> None:
        with suppress(OSError, BenchmarkFailed):  # it has ended
            self.peaks[name] = max(memory(pid, "VmHWM"), self.peaks.get(name, 0))

    # Files

    def random_file(self, name: str, size: int) -> Path:
        """A file of random bytes."""
        return random_file(self.directory / name, size)

    # Time

    def measure(self, action: Callable[[], Any], processes: Sequence[int] = ()) -> Sample:
        """What an action takes, with the processor time of running processes, if given."""
        before = cpu_seconds(processes)
        began = time.perf_counter()
        action()
        seconds = time.perf_counter() - began
        return Sample(seconds, cpu_seconds(processes) - before if processes else None)

    def guard(self, size: int, written: int = 0) -> Callable[[str], AbstractContextManager[None]]:
        """Limits the time of a run that moves ``size`` bytes and leaves ``written`` in files.

        Before it, as much is written and removed again. A virtual machine can get its
        memory from its host as late as it touches it, which takes longer than any of
        these transfers, and would hit one contender and spare another.
        """
        seconds = 60 + (size + written) / SLOWEST

        @contextmanager
        def guarded(name: str) -> Iterator[None]:
            with time_limit(seconds, name):
                self._touch(written)
                yield

        return guarded

    def _touch(self, size: int) -> None:
        scratch, block = self.directory / "scratch", bytes(MIB)
        with scratch.open("wb", buffering=0) as file:
            for _ in range(size // MIB):
                file.write(block)
        scratch.unlink()


def check_room(directory: Path, needs: int, smaller: str = "a smaller --size-mib") -> None:
    """Raise `Skipped` when a directory, or the memory it lies in, has not that much room.

    ``smaller`` says by which option less would be needed.
    """
    free = free_room(directory)
    if free < needs + MARGIN:
        raise Skipped(
            f"it needs {mib(needs + MARGIN)} in {directory}, where {mib(free)} are free; "
            f"choose another place with --dir, or {smaller}."
        )


def free_room(directory: Path) -> int:
    """Bytes that a directory, or the memory it lies in, has room for."""
    free = shutil.disk_usage(directory).free
    if on_tmpfs(directory):
        available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                available = int(line.split()[1]) * 1024
        free = min(free, available)
    return free


def on_tmpfs(directory: Path) -> bool:
    """Whether a directory lies in memory."""
    device = os.stat(directory).st_dev
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind = line.split()[:3]
        with suppress(OSError):
            if kind == "tmpfs" and os.stat(place).st_dev == device:
                return True
    return False


__all__ = ["Daemon", "Settings", "Stage", "check_room", "free_room", "on_tmpfs", "until"]
