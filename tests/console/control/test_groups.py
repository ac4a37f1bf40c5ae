"""Groups of this machine's users."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from p2pfs.console.control.groups import Group, groups_of
from p2pfs.errors import StartupProblem

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")

LET_IN_AS_NOBODY = """
import os, pathlib, sys
from p2pfs.console.control.groups import Group
from p2pfs.errors import StartupProblem
os.setgroups([]), os.setgid(54321), os.setuid(54321)
try:
    Group("some", 12345).let_into(pathlib.Path(sys.argv[1]), 0o710)
except StartupProblem as problem:
    print(problem)
"""


def test_a_group_is_known_by_its_name() -> None:
    """And one that there is not gets a sentence."""
    entry = grp.getgrgid(0)
    assert Group.named(entry.gr_name) == (entry.gr_name, 0)
    for name in ("no-such-group", "\0"):
        with pytest.raises(StartupProblem, match="There is no group"):
            Group.named(name)


def test_the_groups_of_a_user_are_those_of_the_machine_and_of_the_process() -> None:
    """Also of a user that the machine has no name for."""
    assert groups_of(54321, 12345) == {12345}
    user = pwd.getpwuid(0)
    assert groups_of(0, 12345) >= {12345, *os.getgrouplist(user.pw_name, 12345)}


@needs_root
def test_a_daemon_that_may_not_open_its_files_says_what_to_do(tmp_path: Path) -> None:
    """It has to be in the group."""
    tmp_path.chmod(0o755)
    path = tmp_path / "state"
    path.mkdir()
    os.chown(path, 54321, 54321)
    for above in path.parents:
        if above.owner() == "root" and above.parts[:2] == ("/", "tmp"):
            above.chmod(above.stat().st_mode | 0o011)
    done = subprocess.run(
        [sys.executable, "-c", LET_IN_AS_NOBODY, path], capture_output=True, text=True
    )
    assert "run 'usermod -aG some USER'" in done.stdout, done.stderr


def test_where_a_group_does_not_get_through_is_found(tmp_path: Path) -> None:
    """The first such directory on the way, for those who have nothing but the group."""
    group = Group("some", tmp_path.stat().st_gid)
    tmp_path.chmod(0o711)
    inner = tmp_path / "inner"
    inner.mkdir(mode=0o711)
    inner.chmod(0o701)
    assert group.kept_out_by(inner / "state") in {inner, *inner.parents}
    tmp_path.chmod(0o701)
    found = group.kept_out_by(inner / "state")
    assert found is not None
    assert found in {tmp_path, *tmp_path.parents}
