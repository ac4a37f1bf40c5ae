"""p2pfs: a tracker, a source and downloaders, each ``twistd`` on a host of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.crowd.links.race import Fetch, OnPart, Scene
from benchmarks.problems import BenchmarkFailed
from benchmarks.processes import CHECKOUT, end, terminate_all
from benchmarks.shares import hashed_share, put_on_record
from p2pfs.addresses import Address
from p2pfs.console.control.messages import ProgressMessage
from p2pfs.errors import P2pfsError
from p2pfs.identity import KEY_FILE, PeerKey
from p2pfs.membership import AUTHORITY_DIRECTORY, Authority, Joined, Role
from tests.daemons.process import DaemonProcess

NAME = "p2pfs"
PRIVATE_NAME = "p2pfs, private"
TRACKER_PORT, PEER_PORT = 6880, 6881
PATIENCE = 60.0
"""Seconds until all daemons are to be there; they all start at once, and share the processors."""
LOOK = 0.2
"""Seconds between two looks whether they are."""


@contextmanager
def p2pfs(scene: Scene) -> Iterator[Sequence[Fetch]]:
    """Daemons that all know one another's tracker, one of which has the file."""
    # A publisher chooses the size of chunks by itself; what is on its record, it shares as it is.
    share = hashed_share(scene.original.name, scene.original, scene.crowd.chunk_size)
    put_on_record(_state(scene, scene.source), [share])
    with ExitStack() as stack:
        daemons: list[DaemonProcess] = []
        for host in (scene.elsewhere, scene.source, *scene.downloaders):
            daemons.append(_start(scene, host))
            stack.callback(end, daemons[-1].process)
        # Before they are waited for one by one, all are told to end.
        stack.callback(terminate_all, [daemon.process for daemon in daemons])
        tracker, source, *downloaders = daemons
        _until(daemons, "all daemons answer", lambda: all(d.answers() for d in daemons))
        _until(daemons, "the source has joined", lambda: source.ask("status")["joined_as"])
        # What is on record is signed with this.
        source.ask("publish", str(scene.original))
        _until(
            daemons,
            "all peers have joined, and the file is listed",
            lambda: (
                len(tracker.ask("list_peers")) == len(daemons) - 1
                and [file["whole_copies"] for file in tracker.ask("list_files")] == [1]
            ),
        )
        yield [
            _fetch(scene, host, daemon)
            for host, daemon in zip(scene.downloaders, downloaders, strict=True)
        ]


@contextmanager
def p2pfs_private(scene: Scene) -> Iterator[Sequence[Fetch]]:
    """The same, all of which are members of a private swarm."""
    state = _state(scene, scene.elsewhere)
    state.mkdir(mode=0o700)
    authority = Authority.create(state / AUTHORITY_DIRECTORY, os.urandom, time.time)
    tracker = Address(scene.lab.address(scene.elsewhere), TRACKER_PORT)
    for host in (scene.source, *scene.downloaders):
        state = _state(scene, host)
        state.mkdir(mode=0o700)
        key = PeerKey.kept_in(state / KEY_FILE, os.urandom)
        role, patterns = (
            (Role.PUBLISHER, ["*"]) if host == scene.source else (Role.READER, list[str]())
        )
        certificate = authority.issue(key.public, f"host-{host}", role, patterns, time.time())
        Joined((tracker,), authority.certificate, (certificate,)).write(state)
    with p2pfs(scene) as fetches:
        yield fetches


def _state(scene: Scene, host: int) -> Path:
    return scene.folder / f"s{host}"


def _start(scene: Scene, host: int) -> DaemonProcess:
    if host == scene.elsewhere:
        role, options = "tracker", ["--listen", f"tcp:{TRACKER_PORT}"]
    else:
        tracker = f"tcp:{scene.lab.address(scene.elsewhere)}:{TRACKER_PORT}"
        role, options = "peer", ["--tracker", tracker, "--listen", f"tcp:{PEER_PORT}"]
    return DaemonProcess(
        role,
        _state(scene, host),
        scene.folder / f"s{host}.log",
        *options,
        prefix=scene.lab.inside(host),
        cwd=CHECKOUT,
        start_new_session=True,  # Ctrl-C is for us, who then end them
    )


def _fetch(scene: Scene, host: int, daemon: DaemonProcess) -> Fetch:
    def fetch(on_part: OnPart) -> None:
        def show(progress: ProgressMessage) -> None:
            on_part(progress.done / progress.total if progress.total else 0.0)

        place = str(scene.copy(host))
        try:
            daemon.ask("download", scene.original.name, place, on_progress=show)
        except P2pfsError as error:
            raise BenchmarkFailed(f"Downloader {host} failed: {error}") from None

    return fetch


def _until(daemons: Sequence[DaemonProcess], what: str, holds: Callable[[], bool]) -> None:
    """Look now and then whether something holds; raises `BenchmarkFailed` when it does not."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        for daemon in daemons:
            if not daemon.runs:
                said = daemon.log.read_text(errors="replace").strip().splitlines()
                raise BenchmarkFailed(f"A {daemon.role} ended: {said[-1] if said else 'no reason'}")
        if time.monotonic() > deadline:
            raise BenchmarkFailed(f"It did not happen within {PATIENCE:.0f} s that {what}.")
        time.sleep(LOOK)  # between two looks, until `deadline`: daemons tell of nothing unasked
