"""What must hold, looked at from outside: files, logs, answers, and what is left behind."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from p2pfs.peer.storage import is_part_name
from tests.daemons.process import sha256

EXPECTED_IN_LOGS: Mapping[str, str] = {}
"""Patterns of log lines that would count as tracebacks, and why each may be there."""

_ALARMING = re.compile(r"Traceback|Unhandled")


def alarming_lines(log: str, expected: Iterable[str] = EXPECTED_IN_LOGS) -> list[str]:
    """The lines of a log that tell of an error nobody had thought of."""
    return [
        line
        for line in log.splitlines()
        if _ALARMING.search(line) and not any(re.search(pattern, line) for pattern in expected)
    ]


def is_sentence(text: str) -> bool:
    """Whether an error is fit for people: one line, begun and ended as sentences are."""
    one_line = bool(text) and "\n" not in text and not _ALARMING.search(text)
    return one_line and not text[0].islower() and text.endswith(".")


class Copies:
    """The files below the download directories, which bear a final name or that of a part.

    A file under its final name is hashed whenever it is another file than before.
    """

    def __init__(self, places: Mapping[Path, str]) -> None:
        """``places`` are all paths to which something is downloaded, with the SHA-256 due there."""
        self._places = places
        self._right: dict[Path, tuple[int, ...]] = {}
        self.hashed = 0

    def wrong(self) -> list[str]:
        """What is wrong under final names now, a sentence each."""
        problems = []
        for path, digest in self._places.items():
            try:
                before = _identity(path)
                if self._right.get(path) == before:
                    continue
                found = sha256(path)
            except FileNotFoundError:
                continue
            self.hashed += 1
            if found == digest:
                self._right[path] = before
            else:
                problems.append(f"{path} is not what was published.")
        return problems

    def is_finished(self, path: Path) -> bool:
        """Whether something may bear that final name."""
        return path in self._places


def _identity(path: Path) -> tuple[int, ...]:
    """What changes when a file is replaced or written to."""
    status = os.stat(path)
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def strays(
    found: Iterable[Path], copies: Copies, parts: Iterable[Path], cut_copies: Iterable[Path]
) -> list[Path]:
    """Files in download directories that are neither finished nor parts that a peer knows of.

    In the directories ``cut_copies``, a copy of an own share may have left its part file.
    """
    known, cut = set(parts), set(cut_copies)
    return [
        path
        for path in found
        if not copies.is_finished(path)
        and path not in known
        and not (is_part_name(path.name) and path.parent in cut)
    ]


def files_below(folder: Path) -> list[Path]:
    """All files below a directory."""
    return [path for path in folder.rglob("*") if not path.is_dir()]


def parts_known(status: Mapping[str, list[dict[str, str]]]) -> list[Path]:
    """The part files that a peer's ``status`` tells of."""
    paths = [share["path"] for share in status["shares"] if share["target"]]
    paths += [transfer["part"] for transfer in status["downloads"] if transfer["part"]]
    return [Path(path) for path in paths]


def processes_at(folder: Path) -> list[int]:
    """The processes that have a directory in their command line, but for this one."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if os.fsencode(folder) in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue  # it has just ended
    return found
