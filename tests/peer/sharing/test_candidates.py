"""What there is to publish at a path, and what is left out."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Event

import pytest

from p2pfs.errors import Cancelled, NotFound, P2pfsError, StorageProblem, UsageProblem
from p2pfs.peer.sharing.candidates import Candidate, Skipped, candidates_at
from p2pfs.peer.storage import Disk, Stamp

PART = ".5f0c1d2e3a4b6978.p2pfs-part"


def at(
    folder: Path, name: str = "", base: str = "d", stop: bool = False
) -> tuple[list[Candidate], list[Skipped]]:
    """What there is, in the directory or of that name in it; the peer's own state is there too."""
    event = Event()
    if stop:
        event.set()
    return candidates_at(Disk(), folder / name, base, folder.resolve() / "state", event)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory."""
    path = tmp_path / "d"
    path.mkdir()
    return path


def test_a_file_is_itself(folder: Path) -> None:
    """Under the name that is asked for, with the stamp by which a change will be seen."""
    (folder / "f").write_bytes(b"content")
    stamp = Stamp.of(os.stat(folder / "f"))
    assert at(folder, "f", "name") == ([Candidate(folder / "f", "name", stamp)], [])


def test_files_are_named_after_where_they_lie(folder: Path) -> None:
    """Below the base, in the order of their names within each directory."""
    (folder / "sub" / "deep").mkdir(parents=True)
    for name in ("b", "a", "sub/c", "sub/deep/e"):
        (folder / name).touch()
    found, skipped = at(folder, base="base")
    assert [one.name for one in found] == ["base/a", "base/b", "base/sub/c", "base/sub/deep/e"]
    assert [one.path for one in found[:2]] == [folder / "a", folder / "b"]
    assert skipped == []


def test_what_who_asks_may_not_read_is_left_out(folder: Path) -> None:
    """Files, and directories with all below them; by their status alone."""
    (folder / "closed").mkdir()
    (folder / "closed" / "f").touch()
    for name in ("open", "secret"):
        (folder / name).touch()
    (folder / "secret").chmod(0o600)
    (folder / "closed").chmod(0o700)
    for name in (".", "open"):
        (folder / name).chmod(0o755)
    private = folder / "state"
    found, skipped = candidates_at(
        Disk(), folder, "d", private, Event(), lambda status: bool(status.st_mode & 0o004)
    )
    assert [one.name for one in found] == ["d/open"]
    assert [one.path.name for one in skipped] == ["secret", "closed"]
    assert "who wants it shared may not read it." in str(skipped[0])


def test_what_is_left_out_is_said(folder: Path) -> None:
    """A sentence each, and the rest is found all the same."""
    (folder / "f").touch()
    (folder / "link").symlink_to("f")
    os.mkfifo(folder / "pipe")
    (folder / PART).touch()
    (folder / "back\\slash").touch()
    (folder / "state").mkdir()
    (folder / "state" / "peer_key").touch()
    found, skipped = at(folder)
    assert [one.name for one in found] == ["d/f"]
    said = {path.name: reason for path, reason in skipped}
    assert said.pop("back\\slash")
    assert said == {
        "link": "it is not a regular file.",
        "pipe": "it is not a regular file.",
        PART: "it is an unfinished download.",
        "state": "it is this peer's state.",
    }
    assert str(Skipped(folder / "f", "it is new.")) == f"{folder / 'f'} was skipped: it is new."


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("state", UsageProblem),
        ("state/peer_key", UsageProblem),
        (PART, UsageProblem),
        ("empty", NotFound),
        ("missing", StorageProblem),
    ],
)
def test_what_is_named_and_cannot_be_published_is_refused(
    folder: Path, name: str, problem: type[P2pfsError]
) -> None:
    """Not skipped: somebody asked for just that."""
    (folder / "state").mkdir()
    (folder / "state" / "peer_key").touch()
    (folder / "empty").mkdir()
    (folder / PART).touch()
    with pytest.raises(problem):
        at(folder, name)


def test_a_search_that_is_cancelled_ends(folder: Path) -> None:
    """However much there is below."""
    (folder / "f").touch()
    with pytest.raises(Cancelled):
        at(folder, stop=True)
