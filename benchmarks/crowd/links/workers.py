"""Workers on the hosts of a network, for swarms that are not made of daemons."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from benchmarks.crowd.links.race import Scene
from benchmarks.processes import Worker, terminate_all


@contextmanager
def workers(scene: Scene, module: str) -> Iterator[dict[int, Worker]]:
    """One worker on each host that has or wants the file, by the number of the host."""
    with ExitStack() as stack:
        started: dict[int, Worker] = {}
        for host in (scene.source, *scene.downloaders):
            log = scene.folder / f"w{host}.log"
            started[host] = Worker(module, log, scene.lab.inside(host))
            stack.callback(started[host].close)
        # Before they are waited for one by one, all are told to end.
        stack.callback(terminate_all, [worker.process for worker in started.values()])
        yield started
