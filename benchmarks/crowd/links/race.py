"""One run: a network, a swarm on it, and all of its downloaders let off at once."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks.crowd.links.crowd import Crowd
from benchmarks.crowd.links.namespaces import Lab, Link, laboratory
from benchmarks.crowd.outcome import Outcome
from benchmarks.problems import BenchmarkFailed
from benchmarks.processes import time_limit
from tests.daemons.process import sha256

AROUND = 180.0
"""Seconds for all of a run but the race itself: to start, to check, to end."""

OnPart = Callable[[float], None]
Fetch = Callable[[OnPart], None]
"""Has one downloader fetch the file, until all is there and checked; tells its part of it now
and then."""


@dataclass(frozen=True)
class Scene:
    """What a swarm finds: hosts with addresses, the file, and where the copies are to be."""

    crowd: Crowd
    lab: Lab
    original: Path
    folder: Path
    """A directory of this run alone."""

    source = 0
    """The host of the source."""

    @property
    def downloaders(self) -> range:
        """The hosts of the downloaders."""
        return range(1, self.crowd.peers + 1)

    @property
    def elsewhere(self) -> int:
        """A host whose link has no limit, for what is neither source nor downloader."""
        return self.crowd.peers + 1

    def copy(self, host: int) -> Path:
        """Where a downloader puts its copy; the directory is there."""
        return self.folder / f"c{host}" / self.original.name


Swarm = Callable[[Scene], AbstractContextManager[Sequence[Fetch]]]
"""Starts everything, and has a `Fetch` for each downloader once all is ready to begin."""


class Run(NamedTuple):
    """What came of a run, and how busy the machine was meanwhile, from 0 to 1."""

    outcome: Outcome
    busy: float


def run(crowd: Crowd, swarm: Swarm, original: Path, folder: Path) -> Run:
    """Have a swarm share a file over links of its own; raises `BenchmarkFailed`, `Skipped`.

    ``folder`` is made, and removed in the end.
    """
    folder.mkdir()
    try:
        with time_limit(crowd.limit + AROUND, "a run"):
            return _run(crowd, swarm, original, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(crowd: Crowd, swarm: Swarm, original: Path, folder: Path) -> Run:
    links = [Link(crowd.source_up, crowd.rate)]
    links += [Link(rate, rate) for rate in crowd.peer_rates]
    with laboratory([*links, Link()]) as lab:
        scene = Scene(crowd, lab, original, folder)
        for host in scene.downloaders:
            scene.copy(host).parent.mkdir()
        # The swarm ends before the threads are waited for: that ends what they wait for.
        with ThreadPoolExecutor(crowd.peers) as pool, swarm(scene) as fetches:
            before, used = lab.sent(), processor_time(Path("/proc/stat").read_text())
            curves = race(pool, fetches, crowd.limit)
            after, used_after = lab.sent(), processor_time(Path("/proc/stat").read_text())
        check_copies(scene)
    ends = sorted(curve[-1][0] for curve in curves)
    sent = [now - then for now, then in zip(after, before, strict=True)]
    busy, idle = (now - then for now, then in zip(used_after, used, strict=True))
    outcome = Outcome(crowd.bound, ends, curves=curves)
    outcome.copies_of_source = sent[scene.source] / crowd.size
    # The last host is neither source nor downloader, but what it sends is sent all the same.
    outcome.overhead = sum(sent) / crowd.size / crowd.peers - 1
    return Run(outcome, busy / max(1, busy + idle))


def race(
    pool: ThreadPoolExecutor, fetches: Sequence[Fetch], limit: float
) -> list[list[tuple[float, float]]]:
    """Begin all at once; for each, times and the part it had, up to the whole.

    Raises what the first that fails raises, and `BenchmarkFailed` after ``limit`` seconds.
    """
    began = time.monotonic()

    def watched(fetch: Fetch) -> list[tuple[float, float]]:
        curve = [(0.0, 0.0)]
        fetch(lambda part: curve.append((time.monotonic() - began, part)))
        curve.append((time.monotonic() - began, 1.0))
        return curve

    futures = [pool.submit(watched, fetch) for fetch in fetches]
    done, pending = wait(futures, limit, return_when=FIRST_EXCEPTION)
    failed = [error for future in done if (error := future.exception()) is not None]
    if failed:
        raise failed[0]
    if pending:
        late = f"{len(pending)} of {len(fetches)} peers"
        raise BenchmarkFailed(f"{late} had not got the file after {limit:.0f} s.")
    return [future.result() for future in futures]


def check_copies(scene: Scene) -> None:
    """Raise `BenchmarkFailed` when a copy is not what the source has."""
    expected = sha256(scene.original)
    for host in scene.downloaders:
        if sha256(scene.copy(host)) != expected:
            raise BenchmarkFailed(f"Downloader {host} got something else than the source has.")


def processor_time(statistics: str) -> tuple[int, int]:
    """How long all processors were busy, and idle, in ticks, from what ``/proc/stat`` says."""
    user, nice, system, idle, waiting, *interrupts = map(
        int, statistics.splitlines()[0].split()[1:8]
    )
    return user + nice + system + sum(interrupts), idle + waiting


__all__ = ["Fetch", "OnPart", "Run", "Scene", "Swarm", "race", "run"]
