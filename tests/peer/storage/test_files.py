"""Chunks on disk."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from p2pfs.errors import StorageProblem
from p2pfs.peer.storage.disk import Disk
from p2pfs.peer.storage.files import ChunkReader, FileChanged, Stamp, explained

# Reading


@pytest.fixture
def shared(tmp_path: Path) -> tuple[Path, Stamp]:
    """A file and its stamp."""
    path = tmp_path / "shared"
    path.write_bytes(b"0123456789")
    return path, Stamp.of(os.stat(path))


def test_a_reader_reads_exactly(shared: tuple[Path, Stamp]) -> None:
    """Offset and length are kept to, however little the kernel gives at once."""
    reader = ChunkReader.open(Disk(), *shared)
    real = os.pread
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pread", lambda fd, n, at: real(fd, min(n, 3), at))
        assert reader.read(2, 8) == b"23456789"
    reader.close()


def test_a_changed_file_is_not_opened(shared: tuple[Path, Stamp]) -> None:
    """Another size, another time or no file at all is `FileChanged`."""
    path, stamp = shared
    for other in (stamp._replace(size=11), Stamp(stamp.size, 1)):
        with pytest.raises(FileChanged, match="was changed"):
            ChunkReader.open(Disk(), path, other)
    ChunkReader.open(Disk(), path, None).close()
    path.unlink()
    with pytest.raises(FileChanged, match="is gone"):
        ChunkReader.open(Disk(), path, stamp)


def test_a_change_while_reading_is_noticed(shared: tuple[Path, Stamp]) -> None:
    """Bytes read from a file that changed meanwhile are not handed out."""
    path, stamp = shared
    reader = ChunkReader.open(Disk(), path, stamp)
    path.write_bytes(b"abcdefghij")
    os.utime(path, ns=(1, 1))
    with pytest.raises(FileChanged, match="was changed"):
        reader.read(0, 5)
    reader.close()


def test_a_file_cut_short_is_noticed(shared: tuple[Path, Stamp]) -> None:
    """Fewer bytes than asked for are `FileChanged`, also without a stamp."""
    path, _ = shared
    reader = ChunkReader.open(Disk(), path, None)
    os.truncate(path, 4)
    assert reader.read(0, 4) == b"0123"
    with pytest.raises(FileChanged, match="cut short"):
        reader.read(2, 3)
    reader.close()


def test_a_refused_open_leaves_no_descriptor(shared: tuple[Path, Stamp]) -> None:
    """Asking for a changed file again and again does not use up descriptors."""
    path, stamp = shared
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(FileChanged):
            ChunkReader.open(Disk(), path, stamp._replace(size=1))
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_fifo_in_the_place_of_a_shared_file_does_not_block(shared: tuple[Path, Stamp]) -> None:
    """No thread of the pool is lost to a path that is no file any more."""
    path, stamp = shared
    path.unlink()
    os.mkfifo(path)
    code = (
        "import sys, pathlib\n"
        "from p2pfs.peer.storage.disk import Disk\nfrom p2pfs.peer.storage.files import *\n"
        f"try: ChunkReader.open(Disk(), pathlib.Path(sys.argv[1]), Stamp{tuple(stamp)})\n"
        "except FileChanged: pass"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=2)


# Words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "Input/output error"),
        (errno.EMFILE, "too many files"),
    ],
)
def test_errors_of_the_disk_are_sentences(number: int, words: str) -> None:
    """Known errors come with advice, others with the system's own words."""
    with (
        pytest.raises(StorageProblem, match=rf"^Cannot write /x: .*{words}.*\.$"),
        explained("write", Path("/x")),
    ):
        raise OSError(number, os.strerror(number))


def test_a_name_that_the_system_has_no_bytes_for_is_a_sentence() -> None:
    """As where the file system's names are ASCII."""
    path = Path("/x/caf\xe9")
    with (
        pytest.raises(StorageProblem, match=r"its name cannot be written in the encoding ascii"),
        explained("create", path),
    ):
        str(path).encode("ascii")
