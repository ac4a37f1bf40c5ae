"""A small file system in memory that can be filled up."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from p2pfs.chunks import MIB

PAGE = 4096


class CannotMount(Exception):
    """This process may not mount anything; the text says why."""


class SmallDisk:
    """A tmpfs, mounted until `unmount`."""

    def __init__(self, path: Path, size: int) -> None:
        """Mount one of ``size`` bytes at ``path``, a directory; raises `CannotMount`."""
        self.path = path
        self._filler = path / "filler"
        if os.geteuid() != 0 or not shutil.which("mount"):
            raise CannotMount("mounting needs root")
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
        mounted = subprocess.run(command, capture_output=True, text=True)
        if mounted.returncode != 0:
            raise CannotMount(mounted.stderr.strip() or "mount failed")

    def fill(self) -> None:
        """Take all the room there is."""
        with self._filler.open("wb") as file:
            size = 0
            for step in (MIB, PAGE):
                with suppress(OSError):  # there is no room for one more
                    while True:
                        os.posix_fallocate(file.fileno(), size, step)
                        size += step

    def clear(self) -> None:
        """Give the room back."""
        self._filler.unlink(missing_ok=True)

    def unmount(self) -> None:
        """Unmount it; nothing may have a file open there any more."""
        subprocess.run(["umount", str(self.path)], check=True)


def command_that_may_mount(command: list[str]) -> list[str] | None:
    """``command`` in a namespace in which it is root and may mount; None if that is forbidden."""
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    probe = [*namespace, "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    try:
        allowed = subprocess.run(probe, capture_output=True).returncode == 0
    except FileNotFoundError:
        return None
    return [*namespace, *command] if allowed else None


def mounted_below(folder: Path) -> list[str]:
    """The places below a directory where something is mounted."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [place for place in (line.split()[1] for line in lines) if place.startswith(f"{folder}")]
