"""What a history knows of files and no peer does: what they are, and who else wrote into them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from p2pfs.peer.storage import is_part_name
from p2pfs.testing import Host, Swarm

DOWNLOADS = "got"
"""Below a host's directory: where its downloads go."""
SHARES = "own"
"""The same for files of its own that it publishes."""


class Truth:
    """The contents that files may have."""

    def __init__(self, swarm: Swarm) -> None:
        self._swarm = swarm
        self._versions: dict[str, list[bytes]] = {}
        self._scribbled_names: set[str] = set()
        self.scribbled: set[Path] = set()
        """All files that somebody else wrote into, part files by their own names."""
        self.left_by_copies: set[Path] = set()
        """Part files of copies of own shares that were cut off: such copies have no record."""
        self.unshared: set[tuple[Host, str]] = set()
        """What peers were told to share no more, and have not been told to share since."""
        self._wanted: Counter[tuple[Host, str]] = Counter()
        self.unremovable: set[Path] = set()
        """Files that a peer tried in vain to remove, and said so in its log."""
        self.flipped = False
        """Bytes were flipped on their way at some time."""
        self.foreign: dict[Path, bytes] = {}
        """Files of somebody else, which no peer may touch."""
        self._replaceable: dict[Path, bytes] = {}
        """Those that may be overwritten, as a user said, but may as well still be there."""
        self.told: dict[Path, bytes] = {}
        """Files of which a user was told that they are there, with their contents."""

    def published(self, host: Host, name: str, content: bytes) -> None:
        """A host's peer is told to publish that content under the name."""
        self.wanted(host, name)
        self._versions.setdefault(name, []).append(content)

    def versions(self, name: str) -> Sequence[bytes]:
        """The contents that were published under a name."""
        return self._versions.get(name, [])

    def is_foreign(self, path: Path) -> bool:
        """Whether somebody else's file lies there, or lay there until a user gave it up."""
        return path in self.foreign or path in self._replaceable

    def may_be(self, host: Host, path: Path, content: bytes) -> bool:
        """Whether a file under its final name may have that content."""
        name = name_of(host, path)
        if content in self.versions(name) or content == self._replaceable.get(path):
            return True
        # Who restarts publishes a share of his anew that somebody scribbled into.
        return name in self._scribbled_names and b"scribble" in content

    def is_right(self, name: str, offset: int, piece: bytes) -> bool:
        """Whether a file of that name may have these bytes at that place."""
        end = offset + len(piece)
        if any(version[offset:end] == piece for version in self.versions(name)):
            return True
        return name in self._scribbled_names

    def scribble(self, host: Host, path: Path) -> None:
        """Somebody else has written into a file below a host's directory for downloads."""
        self.scribbled.add(path)
        self.told.pop(path, None)
        if path in self.foreign:
            self.foreign[path] = path.read_bytes()
        if not is_part_name(path.name):
            self._scribbled_names.add(name_of(host, path))

    def fetched(self, target: Path) -> None:
        """A download has come to its final name, and a user was told so."""
        self.told[target] = target.read_bytes()

    def begun(self, host: Host, target: Path, overwrite: bool) -> None:
        """A download to that place begins."""
        self.wanted(host, name_of(host, target))
        self.told.pop(target, None)
        if overwrite and target in self.foreign:
            self._replaceable[target] = self.foreign.pop(target)

    def begun_below(self, host: Host, prefix: str) -> None:
        """A download of everything whose names begin so begins; nothing may be overwritten."""
        for wanting, name in list(self._wanted):
            if wanting is host and name.startswith(prefix):
                self.wanted(host, name)
        for path in list(self.told):
            if path.is_relative_to(host.directory / DOWNLOADS / prefix):
                self.begun(host, path, False)

    def unsharing(self, host: Host, name: str) -> Callable[[object], None]:
        """A peer is told to share something no more; the result is to be called when it has."""
        wanted = self._wanted[host, name]

        def done(_: object) -> None:
            if self._wanted[host, name] == wanted:
                self.unshared.add((host, name))

        return done

    def wanted(self, host: Host, name: str) -> None:
        """A host's peer is told to do something by which it may come to share that name."""
        self._wanted[host, name] += 1
        self.unshared.discard((host, name))


def name_of(host: Host, path: Path) -> str:
    """The name on the network of what lies below a host's directory for downloads."""
    return path.relative_to(host.directory / DOWNLOADS).as_posix()
