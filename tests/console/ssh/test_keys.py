"""The keys of the SSH console: its own, and those that may log in."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor

from p2pfs.console.ssh.factory import ssh_factory
from p2pfs.console.ssh.keys import AuthorizedKeysFile
from p2pfs.errors import StartupProblem
from tests.console.ssh.files import keys_file
from tests.console.ssh.server import Server, make_key, needs_ssh
from tests.console.toy import Toy


@pytest.mark.parametrize("what", ["file", "directory"])
@pytest.mark.parametrize("mode", [0o020, 0o002])
def test_keys_that_others_can_write_are_refused(tmp_path: Path, what: str, mode: int) -> None:
    """Or whose directory they can: at the start, and at each login."""
    path = keys_file(tmp_path)
    keys = AuthorizedKeysFile(path)
    assert list(keys.getAuthorizedKeys(b"me"))
    loose = path if what == "file" else tmp_path
    loose.chmod(loose.stat().st_mode | mode)
    assert not list(keys.getAuthorizedKeys(b"me"))
    with pytest.raises(StartupProblem, match=f"run 'chmod go-w {loose}'"):
        AuthorizedKeysFile(path)


def test_what_a_link_points_to_counts(tmp_path: Path) -> None:
    """The directory of the link itself is not enough."""
    loose = tmp_path / "loose"
    loose.mkdir()
    path = keys_file(loose)
    loose.chmod(0o777)
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(StartupProblem, match="Others can write"):
        AuthorizedKeysFile(link)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_keys_of_another_user_are_refused(tmp_path: Path) -> None:
    """They could let anybody in."""
    path = keys_file(tmp_path)
    os.chown(path, 12345, -1)
    with pytest.raises(StartupProblem, match="belongs to another user"):
        AuthorizedKeysFile(path)


@needs_ssh
@ensureDeferred
async def test_host_key(server: Server, tmp_path: Path) -> None:
    """The host key is private, stays the same over restarts, and is what clients see."""
    path = server.state / "ssh_host_ed25519_key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    ssh_factory(server.state, server.authorized_keys, server.toy.commands, {}, reactor)
    assert path.read_bytes() == before
    listed = subprocess.run(
        ["ssh-keygen", "-lf", str(path)], check=True, capture_output=True, text=True
    ).stdout.split()
    assert server.factory.fingerprint == listed[1]
    await server.ssh("echo x").end()
    shown = subprocess.run(
        ["ssh-keygen", "-y", "-f", str(path)], check=True, capture_output=True, text=True
    ).stdout.split()[1]
    assert shown in (tmp_path / "known_hosts").read_text()


@pytest.mark.parametrize(
    "content",
    [None, "", "# only a comment\n", "ssh-ed25519\n", "ssh-ed25519 %%%\nrubbish\n", "\xff\x00\n"],
)
def test_no_authorized_key(tmp_path: Path, content: str | None) -> None:
    """A console that nobody could use is refused at start, with a sentence."""
    keys = tmp_path / "keys"
    if content is not None:
        keys.write_text(content, encoding="latin-1")
    with pytest.raises(StartupProblem, match=str(keys)):
        ssh_factory(tmp_path, keys, Toy().commands, {}, reactor)


@needs_ssh
@pytest.mark.parametrize("problem", ["broken", "directory"])
def test_unusable_host_key(tmp_path: Path, problem: str) -> None:
    """A host key that cannot be used is a sentence, and is not replaced in silence."""
    keys = tmp_path / "keys"
    keys.write_text(make_key(tmp_path / "key"))
    path = tmp_path / "ssh_host_ed25519_key"
    if problem == "broken":
        path.write_text("half a k")
    else:
        path.mkdir()
    with pytest.raises(StartupProblem, match="host key"):
        ssh_factory(tmp_path, keys, Toy().commands, {}, reactor)
    assert path.exists()
