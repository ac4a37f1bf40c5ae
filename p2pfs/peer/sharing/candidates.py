"""What there is to publish at a path; to be looked for in a thread, as it blocks."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import NamedTuple

from p2pfs.errors import Cancelled, InvalidName, NotFound, UsageProblem
from p2pfs.names import filename_from_path
from p2pfs.peer.storage import Disk, Stamp, explained, is_part_name

NOT_READABLE = "who wants it shared may not read it."

Readable = Callable[[os.stat_result], bool]
"""Whether whoever wants something shared may read it."""


class Candidate(NamedTuple):
    """A regular file that is to be published, and under which name."""

    path: Path
    name: str
    stamp: Stamp


class Skipped(NamedTuple):
    """What is left out of a directory that is published, and a sentence why; as text, both."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path} was skipped: {self.reason}"


def candidates_at(
    disk: Disk,
    path: Path,
    base: str,
    private: Path,
    stop: Event,
    readable: Readable = lambda status: True,
) -> tuple[list[Candidate], list[Skipped]]:
    """The file, or the regular files below the directory, and what is left out there.

    ``base`` is the name of the file, or what the names begin with; nothing below ``private``
    is published, nor what is not ``readable`` by its status. Raises `StorageProblem`,
    `UsageProblem` for what must not be published, `NotFound` when there is nothing, and
    `Cancelled` soon after ``stop`` is set.
    """
    with explained("read", path):
        status = disk.status(path)
    if Path(os.path.realpath(path)).is_relative_to(private):
        raise UsageProblem(f"{path} belongs to this peer's own state and is not to be shared.")
    if is_part_name(path.name):
        raise UsageProblem(f"{path} is an unfinished download; share it once it is complete.")
    if not stat.S_ISDIR(status.st_mode):
        return [Candidate(path, base, Stamp.of(status))], []
    candidates: list[Candidate] = []
    skipped: list[Skipped] = []
    for found in _below(path, base, private, readable):
        if stop.is_set():
            raise Cancelled("The publishing was cancelled.")
        outcome = found if isinstance(found, Skipped) else _candidate(disk, *found, readable)
        if isinstance(outcome, Skipped):
            skipped.append(outcome)
        else:
            candidates.append(outcome)
    if not candidates:
        raise NotFound(f"There is no regular file below {path}; nothing was published.")
    return candidates, skipped


def _candidate(disk: Disk, path: Path, name: str, readable: Readable) -> Candidate | Skipped:
    try:
        status = disk.status_of_link(path)
    except OSError as error:
        return Skipped(path, f"{error.strerror}.")
    if not stat.S_ISREG(status.st_mode):
        return Skipped(path, "it is not a regular file.")
    if not readable(status):
        return Skipped(path, NOT_READABLE)
    if is_part_name(path.name):
        return Skipped(path, "it is an unfinished download.")
    return Candidate(path, name, Stamp.of(status))


def _below(
    path: Path, base: str, private: Path, readable: Readable
) -> Iterator[tuple[Path, str] | Skipped]:
    """What is below a directory and is none itself, with its name on the network.

    Links are not followed. What cannot be read, or not be named, is skipped with all below it.
    """
    waiting = [(path, base)]
    while waiting:
        folder, folder_name = waiting.pop()
        try:
            if not readable(os.lstat(folder)):
                yield Skipped(folder, NOT_READABLE)
                continue
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            yield Skipped(folder, f"{error.strerror}.")
            continue
        for entry in entries:
            place = Path(entry.path)
            try:
                name = filename_from_path(f"{folder_name}/{entry.name}")
                is_folder = entry.is_dir(follow_symlinks=False)
                if is_folder and _is_same(place, private):
                    yield Skipped(place, "it is this peer's state.")
                    continue
            except InvalidName as error:
                yield Skipped(place, str(error))
                continue
            except OSError as error:
                yield Skipped(place, f"{error.strerror}.")
                continue
            if is_folder:
                waiting.append((place, name))
            else:
                yield place, name


def _is_same(place: Path, private: Path) -> bool:
    try:
        return place.samefile(private)
    except FileNotFoundError:
        return False
