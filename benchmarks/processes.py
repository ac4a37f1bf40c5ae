"""Processes: what they used, workers that obey line by line, and limits of time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.problems import BenchmarkFailed

CHECKOUT = Path(__file__).resolve().parents[1]
"""Where ``python -m benchmarks…`` works."""


def cpu_seconds(pids: Sequence[int]) -> float:
    """The processor time, in user and system mode, that running processes used so far."""
    ticks = 0
    for pid in pids:
        # The name, in parentheses, may have any character in it; user and system time
        # are the 12th and 13th value behind it.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(pid: int, what: str) -> int:
    """A size of a process in bytes: ``VmRSS`` is its memory now, ``VmHWM`` the peak of that."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) * 1024
    raise BenchmarkFailed(f"The process {pid} has no {what}.")


def reset_peak(pid: int) -> bool:
    """Have ``VmHWM`` begin anew; False when that is not allowed here."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        return False
    return True


@contextmanager
def time_limit(seconds: float, what: str) -> Iterator[None]:
    """Raise `BenchmarkFailed` in this thread, the main one, when the block takes too long."""

    def expired(number: int, frame: object) -> None:
        raise BenchmarkFailed(f"'{what}' was not through within {seconds:.0f} s.")

    before = signal.signal(signal.SIGALRM, expired)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def end(process: subprocess.Popen[Any], patience: float = 10.0) -> None:
    """End a process that was started here, politely if it will."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    if process.poll() is None:
        process.kill()
        process.wait()


def terminate_all(processes: Sequence[subprocess.Popen[Any]]) -> None:
    """Tell processes that were started here to end, before they are waited for one by one."""
    for process in processes:
        process.terminate()


class Worker:
    """A process that does one thing after the other, as `obey` has it.

    It ends when its standard input does, so it does not outlive this process.
    """

    def __init__(self, module: str, log: Path, prefix: Sequence[str] = ()) -> None:
        """``prefix`` is a command that runs another in its own process, as "nice" does."""
        self._log = log
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                [*prefix, sys.executable, "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=CHECKOUT,
            )

    def ask(self, order: str, *arguments: Any) -> Any:
        """Have it do something, and return what came of it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps([order, *arguments]).encode() + b"\n")
            self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            self.process.wait()
            said = self._log.read_text(errors="replace").strip().splitlines()
            raise BenchmarkFailed(f"A worker ended: {said[-1] if said else 'it said nothing'}.")
        return json.loads(answer)

    def close(self) -> None:
        """End it."""
        end(self.process)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


def obey(orders: Mapping[str, Callable[..., Any]]) -> None:
    """The worker's side: carry out the orders on standard input until it ends."""
    for line in sys.stdin:
        order, *arguments = json.loads(line)
        print(json.dumps(orders[order](*arguments)), flush=True)
