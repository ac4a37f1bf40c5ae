"""A daemon on a shared machine: what members of its group may do, and others not."""

from __future__ import annotations

import grp
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes.daemons import MIB, Machines, random_file, sha256

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")

GROUP = next(group for group in grp.getgrall() if group.gr_gid not in (0, 65534))
ALICE, MALLORY = (54321, GROUP.gr_gid), (54322, 54322)
"""User and group of a member, and of somebody else; the machine need not know their names."""

P2PFS = """
import os, sys
from p2pfs.cli.main import main
import p2pfs.cli.line_editing, p2pfs.cli.progress_display
uid, gid, *words = sys.argv[1:]
os.setgroups([]), os.setgid(int(gid)), os.setuid(int(uid))
sys.exit(main(words))
"""
"""The program as another user, who need not be able to read where Python is installed."""


def as_user(
    user: tuple[int, int], state: Path, *words: str, cwd: Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", P2PFS, *map(str, user), "--state", state, *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_members_use_the_peer_as_far_as_they_may(machines: Machines) -> None:
    """They share and fetch with their own rights, and the peer stays its owner's."""
    for directory in (machines.directory, machines.directory.parent):
        directory.chmod(0o755)
    home = machines.directory / "alice"
    home.mkdir()
    os.chown(home, *ALICE)
    machines.tracker()
    peer, other = machines.peer("p", "--group", GROUP.gr_name), machines.peer("o")

    def alice(*words: str) -> tuple[int, str]:
        done = as_user(ALICE, peer.state, *words, cwd=home)
        return done.returncode, done.stdout + done.stderr

    assert alice("status")[0] == 0
    mallory = as_user(MALLORY, peer.state, "status", cwd=home)
    assert (mallory.returncode, "--group" in mallory.stderr) == (1, True)
    for words in (["shutdown"], ["exit"], ["connect", "127.0.0.1", "1"], ["limit", "upload", "1"]):
        status, said = alice(*words)
        assert (status, "Only root and the user that runs this daemon" in said) == (1, True), said
    # What she may read is shared, what the peer alone may read is not.
    mine, secret = random_file(home / "mine", 10), random_file(home / "secret", 10)
    mine.chmod(0o644)
    secret.chmod(0o600)
    assert alice("publish", "mine")[0] == 0
    for path in ("secret", "/etc/shadow", str(peer.state / "peer_key"), str(peer.state)):
        status, said = alice("publish", path)
        assert (status, "may not" in said) == (1, True), said
    assert [file["name"] for file in other.ask("list_files")] == ["mine"]
    # What she may write is written, and nothing else.
    source = random_file(machines.directory / "x.bin", MIB)
    other.ask("publish", str(machines.directory), "d")
    assert alice("download", "d/x.bin")[0] == 0
    assert sha256(home / "x.bin") == sha256(source)
    (home / "way").symlink_to(machines.directory / "p.log")
    for place in (str(machines.directory), "/etc/", "way", str(peer.state / "x")):
        status, said = alice("download", "d/x.bin", place, "--overwrite")
        assert (status, "may not" in said) == (1, True), said
    # Nothing but the socket, and the way to it, is open to the group.
    found = {path.name: path.stat() for path in [peer.state, *peer.state.rglob("*")]}
    opened = {n: stat.S_IMODE(s.st_mode) for n, s in found.items() if s.st_mode & 0o077}
    assert opened == {"p": 0o710, "control": 0o660}
    assert {found[name].st_gid for name in opened} == {GROUP.gr_gid}
    assert "runs as root" in peer.log.read_text()


def test_a_tree_is_not_written_through_a_members_links(machines: Machines) -> None:
    """Each file's place is looked at as it comes."""
    for directory in (machines.directory, machines.directory.parent):
        directory.chmod(0o755)
    home, aim = machines.directory / "alice", machines.directory / "aim"
    (home / "into").mkdir(parents=True)
    aim.mkdir()
    for path in (home, home / "into"):
        os.chown(path, *ALICE)
    (home / "into" / "sub").symlink_to(aim)
    machines.tracker()
    tree = machines.directory / "tree"
    (tree / "sub").mkdir(parents=True)
    random_file(tree / "sub" / "f", 10)
    random_file(tree / "g", 10)
    machines.peer("o").ask("publish", str(tree), "t")
    peer = machines.peer("p", "--group", GROUP.gr_name)
    done = as_user(ALICE, peer.state, "download", "t/", "into", cwd=home)
    assert (done.returncode, "may not write" in done.stderr) == (1, True), done
    assert (home / "into" / "g").exists()
    assert list(aim.iterdir()) == []
