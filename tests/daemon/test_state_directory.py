"""One state directory, one daemon."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from p2pfs.console.control.groups import Group
from p2pfs.daemon.state_directory import StateDirectory
from p2pfs.errors import StartupProblem

CLAIM = """
import sys, pathlib
from p2pfs.daemon.state_directory import StateDirectory
claimed = StateDirectory(pathlib.Path(sys.argv[1]))
print("claimed", flush=True)
sys.stdin.read()
"""


def test_it_is_created_for_its_owner_alone(tmp_path: Path) -> None:
    """Nobody else reads the state, keys and socket in it, nor the lock."""
    claimed = StateDirectory(tmp_path / "a" / "b")
    assert stat.S_IMODE(claimed.path.stat().st_mode) == 0o700
    assert stat.S_IMODE((claimed.path / "lock").stat().st_mode) == 0o600
    claimed.release()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to any group")
def test_members_of_a_group_can_pass_it(tmp_path: Path) -> None:
    """To the socket, which they know the name of; they see and read nothing else."""
    claimed = StateDirectory(tmp_path / "a", Group("some", 12345))
    status = claimed.path.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_gid) == (0o710, 12345)
    assert stat.S_IMODE((claimed.path / "lock").stat().st_mode) == 0o600
    claimed.release()


def test_a_second_claim_is_refused_until_the_first_is_released(tmp_path: Path) -> None:
    """Two daemons never write to one state, and a stopped one leaves it free."""
    first = StateDirectory(tmp_path)
    with pytest.raises(StartupProblem, match="Another daemon uses"):
        StateDirectory(tmp_path)
    first.release()
    StateDirectory(tmp_path).release()


def test_a_refused_claim_leaves_nothing_open(tmp_path: Path) -> None:
    """Trying in vain costs no file descriptor."""
    first = StateDirectory(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(StartupProblem):
            StateDirectory(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before
    first.release()


def test_the_claim_dies_with_its_process(tmp_path: Path) -> None:
    """After SIGKILL the next daemon starts without anybody cleaning up."""
    daemon = subprocess.Popen(
        [sys.executable, "-c", CLAIM, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with daemon:
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == b"claimed\n"
        with pytest.raises(StartupProblem, match="Another daemon"):
            StateDirectory(tmp_path)
        daemon.send_signal(signal.SIGKILL)
        daemon.wait()
    StateDirectory(tmp_path).release()


def test_an_unusable_path_is_explained(tmp_path: Path) -> None:
    """A file in the way is a sentence with the reason and the option."""
    (tmp_path / "file").touch()
    with pytest.raises(StartupProblem, match=r"Not a directory.*--state"):
        StateDirectory(tmp_path / "file" / "state")


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_removed_directory_is_noticed(tmp_path: Path, how: str) -> None:
    """Also when there is another in its place, that somebody else may claim."""
    claimed = StateDirectory(tmp_path / "state")
    assert not claimed.is_gone
    shutil.rmtree(claimed.path)
    if how == "replaced":
        StateDirectory(tmp_path / "state").release()
    assert claimed.is_gone
    claimed.release()
