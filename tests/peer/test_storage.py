"""Chunks on disk."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pfs.errors import AlreadyExists, StorageProblem
from p2pfs.peer.disk import Disk
from p2pfs.peer.storage import ChunkReader, FileChanged, PartFile, Stamp, explained


@pytest.fixture
def part(tmp_path: Path) -> PartFile:
    """A fresh part file of 100 bytes."""
    return PartFile.open(Disk(), tmp_path / "f.part", 100, fresh=True)


# Part files


def test_a_part_file_has_its_size_allocated(part: PartFile) -> None:
    """A disk too small is noticed at the start, not at the last chunk."""
    status = os.stat(part.path)
    assert status.st_size == 100
    assert status.st_blocks > 0
    part.close()


def test_a_resumed_part_file_keeps_its_bytes(part: PartFile) -> None:
    """What was downloaded survives reopening; `fresh` discards it; the size is always right."""
    part.write(10, [b"abc"])
    part.close()
    again = PartFile.open(Disk(), part.path, 50, fresh=False)
    assert part.path.read_bytes() == bytes(10) + b"abc" + bytes(37)
    again.close()
    PartFile.open(Disk(), part.path, 20, fresh=True).close()
    assert part.path.read_bytes() == bytes(20)


def test_an_empty_part_file_can_be(tmp_path: Path) -> None:
    """An empty file is a file, too."""
    part = PartFile.open(Disk(), tmp_path / "e.part", 0, fresh=True)
    part.finish(tmp_path / "e", overwrite=False)
    part.close()
    assert (tmp_path / "e").read_bytes() == b""


@given(st.lists(st.binary(max_size=9), max_size=30), st.integers(1, 20), st.integers(0, 50))
def test_pieces_are_written_whole_however_little_the_kernel_takes(
    pieces: list[bytes], most: int, offset: int
) -> None:
    """A short write goes on where it stopped, in the midst of a piece or between two."""
    real = os.pwritev
    data = b"".join(pieces)

    def short(fd: int, buffers: list[memoryview], at: int) -> int:
        return real(fd, [b"".join(buffers)[:most]], at)

    fd = os.memfd_create("part")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwritev", short)
        PartFile(Disk(), Path("memory"), 0, fd).write(offset, pieces)
    assert os.pread(fd, 1000, offset) == data
    os.close(fd)


def test_more_pieces_than_the_kernel_takes_at_once(part: PartFile) -> None:
    """A chunk that came in thousands of segments is written in several calls."""
    part.write(0, [b"ab"] * 3000)
    assert part.path.read_bytes() == b"ab" * 3000
    part.close()


def test_finishing_renames_and_tells_the_stamp(part: PartFile, tmp_path: Path) -> None:
    """The finished file bears the stamp that its share is held against later."""
    part.write(0, [b"x" * 100])
    stamp = part.finish(tmp_path / "f", overwrite=False)
    part.close()
    assert not part.path.exists()
    assert (tmp_path / "f").read_bytes() == b"x" * 100
    assert stamp == Stamp.of(os.stat(tmp_path / "f"))
    ChunkReader.open(Disk(), tmp_path / "f", stamp).close()


def test_finishing_does_not_replace_unless_told(part: PartFile, tmp_path: Path) -> None:
    """A file that appeared meanwhile is left alone, and the part file kept for another try."""
    (tmp_path / "f").write_text("mine")
    with pytest.raises(AlreadyExists, match=r"exists.*--overwrite"):
        part.finish(tmp_path / "f", overwrite=False)
    assert (tmp_path / "f").read_text() == "mine"
    part.finish(tmp_path / "f", overwrite=True)
    assert (tmp_path / "f").read_bytes() == bytes(100)
    part.close()


@pytest.mark.parametrize("there", [False, True])
def test_finishing_without_hard_links(
    part: PartFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    """A file system without hard links is served as well, and still nothing is replaced."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    if there:
        (tmp_path / "f").write_text("mine")
        with pytest.raises(AlreadyExists):
            part.finish(tmp_path / "f", overwrite=False)
        assert (tmp_path / "f").read_text() == "mine"
    else:
        part.finish(tmp_path / "f", overwrite=False)
        assert (tmp_path / "f").stat().st_size == 100
    part.close()


def test_a_reader_survives_the_end_of_the_download(part: PartFile, tmp_path: Path) -> None:
    """An upload from a part file goes on while that is renamed and closed."""
    part.write(50, [b"chunk"])
    reader = part.reader()
    part.finish(tmp_path / "f", overwrite=False)
    part.close()
    assert reader.read(50, 5) == b"chunk"
    reader.close()


def test_the_stamp_of_a_synced_part_file_is_matched_by_its_change(part: PartFile) -> None:
    """A part file is recognised by the time that nobody can set at will."""
    part.write(0, [b"a"])
    stamp = part.sync()
    status = os.stat(part.path)
    part.close()
    assert stamp.of_change
    assert stamp.matches(status)
    assert not stamp._replace(time_ns=stamp.time_ns + 1).matches(status)
    assert not stamp._replace(size=99).matches(status)
    assert not stamp.matches(None)
    os.utime(part.path, ns=(5, 5))
    assert Stamp(100, 5).matches(os.stat(part.path))
    assert not Stamp(100, 5, of_change=True).matches(os.stat(part.path))


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
        with pytest.raises(StorageProblem):
            PartFile.open(Disk(), path, 1 << 62, fresh=False)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_fifo_in_the_place_of_a_shared_file_does_not_block(shared: tuple[Path, Stamp]) -> None:
    """No thread of the pool is lost to a path that is no file any more."""
    path, stamp = shared
    path.unlink()
    os.mkfifo(path)
    code = (
        "import sys, pathlib\n"
        "from p2pfs.peer.disk import Disk\nfrom p2pfs.peer.storage import *\n"
        f"try: ChunkReader.open(Disk(), pathlib.Path(sys.argv[1]), Stamp{tuple(stamp)})\n"
        "except FileChanged: pass"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=2)


# Words


def test_a_missing_directory_is_explained(tmp_path: Path) -> None:
    """The sentence names the path, the reason and what to do."""
    with pytest.raises(StorageProblem, match=r"Cannot create .*/no/f.part: it is not there; check"):
        PartFile.open(Disk(), tmp_path / "no" / "f.part", 1, fresh=True)


def test_a_forbidden_directory_is_explained(tmp_path: Path) -> None:
    """The same for permissions."""
    tmp_path.chmod(0o500)
    code = (
        "import os, sys, pathlib\n"
        "from p2pfs.peer.disk import Disk\nfrom p2pfs.peer.storage import *\n"
        "if os.geteuid() == 0: os.setuid(65534)  # root may do everything\n"
        "try: PartFile.open(Disk(), pathlib.Path(sys.argv[1], 'f.part'), 1, True)\n"
        "except StorageProblem as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
    assert "permission denied; choose a place" in run.stdout, run.stderr


def test_a_full_disk_is_explained() -> None:
    """Writing to a full disk says so."""
    fd = os.open("/dev/full", os.O_RDWR)
    with pytest.raises(
        StorageProblem, match=r"Cannot write /dev/full: the disk is full; make room"
    ):
        PartFile(Disk(), Path("/dev/full"), 1, fd).write(0, [b"x"])
    os.close(fd)


def test_a_file_too_large_is_explained_and_removed(tmp_path: Path) -> None:
    """A size over the limit fails at the start and leaves no part file behind."""
    code = (
        "import resource, signal, sys, pathlib\n"
        "from p2pfs.peer.disk import Disk\nfrom p2pfs.peer.storage import *\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: PartFile.open(Disk(), pathlib.Path(sys.argv[1]), 2000, True)\n"
        "except StorageProblem as error: print(error)"
    )
    path = tmp_path / "f.part"
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert f"Cannot allocate {path}: the file is larger than" in run.stdout, run.stderr
    assert not path.exists()


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
