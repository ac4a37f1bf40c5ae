"""A daemon on a shared machine: what members of its group may do, and others not."""

from __future__ import annotations

import grp
import json
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
import contextlib, io, json, os, sys
from p2pfs.cli.main import main
import p2pfs.cli.progress_display
uid, gid, state, commands = sys.argv[1:]
os.setgroups([]), os.setgid(int(gid)), os.setuid(int(uid))
results = []
for words in json.loads(commands):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        results.append([main(["--state", state, *words]), said])
print(json.dumps([[status, said.getvalue()] for status, said in results]))
"""
"""The program as another user, who need not be able to read where Python is installed."""


def as_user(
    user: tuple[int, int], state: Path, cwd: Path, *commands: list[str]
) -> list[tuple[int, str]]:
    """The exit statuses of the program with these arguments, and what it printed."""
    arguments = [*map(str, user), str(state), json.dumps(commands)]
    done = subprocess.run(
        [sys.executable, "-c", P2PFS, *arguments], cwd=cwd, stdout=subprocess.PIPE, timeout=60
    )
    return [(status, said) for status, said in json.loads(done.stdout)]


def test_members_use_the_peer_as_far_as_they_may(machines: Machines) -> None:
    """They share and fetch with their own rights, and the peer stays its owner's."""
    for directory in (machines.directory, machines.directory.parent):
        directory.chmod(0o755)
    home = machines.directory / "alice"
    home.mkdir()
    os.chown(home, *ALICE)
    mine, secret = random_file(home / "mine", 10), random_file(home / "secret", 10)
    mine.chmod(0o644)
    secret.chmod(0o600)
    (home / "way").symlink_to(machines.directory / "p.log")
    for_all = machines.directory / "for_all"
    for_all.mkdir()
    for_all.chmod(0o1777)
    random_file(for_all / "x.bin", 10)  # which is root's
    source = random_file(machines.directory / "x.bin", MIB)
    machines.tracker()
    peer, other = machines.peer("p", "--group", GROUP.gr_name), machines.peer("o")
    other.ask("publish", str(source))

    [(status, said)] = as_user(MALLORY, peer.state, home, ["status"])
    assert (status, "--group" in said) == (1, True)
    done = [["status"], ["publish", "mine"], ["download", "x.bin"]]
    assert [status for status, _ in as_user(ALICE, peer.state, home, *done)] == [0, 0, 0]
    assert sha256(home / "x.bin") == sha256(source)
    refused = [
        *(["shutdown"], ["exit"], ["connect", "127.0.0.1", "1"], ["limit", "upload", "1"]),
        # What she may not read, but the peer: it is not shared for her.
        *(["publish", path] for path in ("secret", "/etc/shadow", f"{peer.state}/peer_key")),
        # Nor is written what only the peer may write.
        *(
            ["download", "x.bin", place, "--overwrite"]
            for place in ("..", "/etc/", "way", str(for_all))
        ),
    ]
    for words, (status, said) in zip(
        refused, as_user(ALICE, peer.state, home, *refused), strict=True
    ):
        assert status == 1, words
        assert "may not" in said, words
    assert [file["name"] for file in other.ask("list_files")] == ["mine", "x.bin"]
    # Nothing but the socket, and the way to it, is open to the group.
    found = {path.name: path.stat() for path in [peer.state, *peer.state.rglob("*")]}
    opened = {n: stat.S_IMODE(s.st_mode) for n, s in found.items() if s.st_mode & 0o077}
    assert opened == {"p": 0o710, "control": 0o660}
    assert {found[name].st_gid for name in opened} == {GROUP.gr_gid}
    assert "runs as root" in peer.log.read_text()
