"""What must hold while a history goes on, looked after every second."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from p2pfs.peer.library import Holding
from p2pfs.peer.service import PeerService
from p2pfs.peer.storage import is_part_name
from p2pfs.testing import Host
from tests.soak.scene import Scene
from tests.soak.truth import DOWNLOADS

SECONDS_OF_A_RECORD = 5
"""Looks, one a second, after which a verified chunk must survive a power failure."""


@dataclass
class _Progress:
    """How many chunks an unfinished download had at the last looks, while its host was sound."""

    counts: deque[int] = field(default_factory=lambda: deque(maxlen=SECONDS_OF_A_RECORD))
    root: str | None = None
    sound: bool = True
    end: str = ""
    """What its process ended by: a kind of fault."""


class _Claim(NamedTuple):
    """What a peer claimed at the last look of a file in that state, and whether it wrote to it."""

    state: tuple[int, int]
    in_use: bool
    bits: int

    def changed(self, before: _Claim | None) -> bool:
        """The file is not what it was."""
        return before is not None and before.state != self.state

    def new(self, before: _Claim | None) -> int:
        """The chunks to be looked at: all of a download that goes on with what was there."""
        known = before is not None and (before.in_use or not self.in_use)
        return self.bits & ~(before.bits if before is not None and known else 0)


class FileChecks:
    """Watches the files of all peers: what they have, claim, were told to have, and keep."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._finals: dict[Path, tuple[int, int]] = {}
        self._claims: dict[Path, _Claim] = {}
        self._progress: dict[Path, _Progress] = {}

    def look(self) -> None:
        """What must hold at any time."""
        for host in self._scene.peers:
            peer = self._scene.swarm.daemons.get(host)
            if isinstance(peer, PeerService) and host.is_up:
                for held in peer.peer.library:
                    self.check_claim(host, held)
                    if not held.is_share:
                        self._note_progress(host, held)
        self.check_foreign()

    # Files under their final names

    def check_finals(self, hosts: Iterable[Host]) -> None:
        """Every file under its final name is one that was published: whole, or not there."""
        for host in hosts:
            for path in (host.directory / DOWNLOADS).rglob("*"):
                if not is_part_name(path.name) and path.is_file():
                    self.check_final(host, path)

    def check_final(self, host: Host, path: Path) -> None:
        """The same for one file, unless it is as it was when last checked."""
        truth, state = self._scene.truth, _state(path)
        if self._finals.get(path) == state or path in truth.foreign:
            return
        self._finals[path] = state
        if not truth.may_be(host, path, path.read_bytes()):
            self._scene.problem(f"{path} is not what was published.")

    def told(self, host: Host, path: Path) -> None:
        """A user was told that a file is there."""
        if path in self._scene.truth.foreign:
            self._scene.problem(f"{path} was somebody else's, and is said to be downloaded.")
        self._scene.truth.fetched(path)
        self.check_final(host, path)

    def check_told(self, host: Host) -> None:
        """What a user was told to have is there, also after a power failure."""
        for path, content in self._scene.truth.told.items():
            if path.is_relative_to(host.directory) and (
                not path.exists() or path.read_bytes() != content
            ):
                self._scene.problem(f"{path} was said to be downloaded, and is not there any more.")

    def check_foreign(self) -> None:
        """What lay in the way of a download is as it was."""
        for path, content in self._scene.truth.foreign.items():
            if not path.exists() or path.read_bytes() != content:
                self._scene.problem(f"{path} was somebody else's, and was touched.")
                self._scene.truth.foreign.pop(path)
                return

    # What peers claim

    def check_claim(self, host: Host, held: Holding) -> None:
        """The chunks that a peer claims lie on its disk, and are right."""
        path = held.path
        if held.target is not None and not path.exists() and held.target.exists():
            path = held.target  # just renamed, and the download does not know it yet
        if not held.chunks.bits:
            return
        try:
            state = _state(path)
        except OSError:
            state = 0, 0
        claim = _Claim(state, held.part is not None, held.chunks.bits)
        before = self._claims.get(held.path)
        self._claims[held.path] = claim
        scribbled = held.path in self._scene.truth.scribbled
        if (claim.changed(before) or (before is None and scribbled)) and not claim.in_use:
            return  # by somebody else, which is noticed when it is read, and by a look now and then
        if scribbled and claim.in_use:
            return  # which is noticed when it is read or written to, and at its end
        new = claim.new(before)
        if not new:
            return
        try:
            fd = os.open(path, os.O_RDONLY)
        except OSError:
            if not held.is_share:
                self._scene.problem(
                    f"{host.name} claims chunks of {held.path}, which is not there."
                )
            return
        try:
            for chunknum in held.chunks:
                if new >> chunknum & 1:
                    self._check_chunk(host, held, chunknum, fd)
        finally:
            os.close(fd)

    def _check_chunk(self, host: Host, held: Holding, chunknum: int, fd: int) -> None:
        offset, length = held.info.offset(chunknum), held.info.length(chunknum)
        piece = os.pread(fd, length, offset)
        if len(piece) != length or not self._scene.truth.is_right(held.name, offset, piece):
            self._scene.problem(
                f"{host.name} claims chunk {chunknum} of {held.path}, which is wrong."
            )

    # What outlives a crash

    def _note_progress(self, host: Host, held: Holding) -> None:
        if held.part is None:
            return
        progress = self._progress.setdefault(held.path, _Progress(root=held.info.root))
        if progress.root != held.info.root or progress.end:
            progress = self._progress[held.path] = _Progress(root=held.info.root)
        drive = host.drive
        progress.sound &= not (drive.full or drive.failing or drive.rate)
        if not host.is_frozen:
            progress.counts.append(len(held.chunks))

    def ends(self, host: Host, kind: str) -> None:
        """The process of a host is ended by a fault of that kind."""
        self.look()
        peer = self._scene.swarm.daemons.get(host)
        if isinstance(peer, PeerService):
            self._note_copies(peer)
        for path, progress in self._progress.items():
            if path.is_relative_to(host.directory) and not progress.end:
                progress.end = kind

    def _note_copies(self, peer: PeerService) -> None:
        known = {held.path for held in peer.peer.library}
        for job in peer.peer.downloads.jobs:
            if job.is_copy:
                parts = (p for p in job.target.parent.iterdir() if is_part_name(p.name))
                self._scene.truth.left_by_copies.update(set(parts) - known)

    def rechecked(self, path: Path, right: int, wrong: int) -> None:
        """A peer found so much of an unfinished download after its last end."""
        progress = self._progress.pop(path, None)
        if progress is None or not progress.end or not progress.sound:
            return
        if path in self._scene.truth.scribbled or path in self._scene.truth.foreign:
            return
        if progress.end == "kill":
            kept = progress.counts[-1] if progress.counts else 0
            if wrong:
                self._scene.problem(f"After SIGKILL {wrong} chunks on record are wrong in {path}.")
        else:
            full = len(progress.counts) == SECONDS_OF_A_RECORD
            kept = min(progress.counts) if full else 0
        if right < kept:
            self._scene.problem(f"{path} had {kept} chunks, and {right} after a {progress.end}.")


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size
