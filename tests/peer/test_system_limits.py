"""What the system allows a process."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from p2pfs.peer.system_limits import system_limits


def test_this_process_has_its_own(tmp_path: Path) -> None:
    """Of files as the kernel has it, of buffers the last of three numbers."""
    (tmp_path / "tcp_rmem").write_text("4096\t131072\t6291456\n")
    (tmp_path / "tcp_wmem").write_text("4096\t16384\t4194304\n")
    limits = system_limits(tmp_path)
    assert limits.open_files == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert (limits.receive_buffer, limits.send_buffer) == (6291456, 4194304)


@pytest.mark.parametrize("text", ["", "1 2", "a b c", "\x00"])
def test_what_cannot_be_read_is_not_known(tmp_path: Path, text: str) -> None:
    """Nor is what is not there."""
    (tmp_path / "tcp_rmem").write_text(text)
    limits = system_limits(tmp_path)
    assert (limits.receive_buffer, limits.send_buffer) == (None, None)
