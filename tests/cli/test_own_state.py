"""The state directory of a daemon that never ran."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pfs.cli.own_state import made_state_directory
from p2pfs.errors import StartupProblem


def test_it_is_made_for_its_user_only(tmp_path: Path) -> None:
    """Keys will lie in it; one that is there stays as it is."""
    made_state_directory(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    tmp_path.chmod(0o755)
    made_state_directory(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_place_where_none_can_be_is_told(tmp_path: Path) -> None:
    """Below a file, for one."""
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StartupProblem, match="give another with --state"):
            made_state_directory(path)


def test_one_of_another_user_is_left_alone(tmp_path: Path) -> None:
    """Whose daemon could not read what root writes there; the sentence has what to type."""
    owner = tmp_path.stat().st_uid
    with pytest.raises(StartupProblem, match=f"sudo -u '#{owner}'"):
        made_state_directory(tmp_path, lambda: owner + 1)
    made_state_directory(tmp_path, lambda: owner)
