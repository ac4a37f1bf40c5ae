"""The same commands through every surface of real daemons."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.processes.daemons import MIB, Machines, free_port, random_file, sha256

P2PFS = Path(sys.executable).with_name("p2pfs")


def test_the_p2pfs_program(machines: Machines) -> None:
    """Publishing and downloading with relative paths, as a user types them."""
    tracker = machines.tracker()
    source, fetcher = machines.peer("s"), machines.peer("f")
    path = random_file(machines.directory / "x.bin", 2 * MIB)

    def p2pfs(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [P2PFS, *words], cwd=machines.directory, capture_output=True, text=True, timeout=60
        )

    assert p2pfs("--state", str(source.state), "publish", "x.bin").returncode == 0
    listed = p2pfs("--state", str(fetcher.state), "--json", "list_file")
    assert json.loads(listed.stdout)[0]["name"] == "x.bin"
    for line in ("download", "list_files --after", "unpublish"):
        words = ["__complete", "words", "--state", str(source.state), *line.split(), "x"]
        assert p2pfs(*words).stdout == "\nx.bin\t\n"
    (machines.directory / "into").mkdir()
    assert p2pfs("--state", str(fetcher.state), "download", "x.bin", "into/").returncode == 0
    assert sha256(machines.directory / "into" / "x.bin") == sha256(path)
    again = p2pfs("--state", str(fetcher.state), "download", "x.bin", "into/")
    assert again.returncode == 0, again.stderr
    assert "into/x.bin is there already, and right: 2.0 MiB" in again.stdout
    random_file(machines.directory / "into" / "x.bin", MIB)
    other = p2pfs("--state", str(fetcher.state), "download", "x.bin", "into/")
    assert other.returncode == 1
    assert "use --overwrite" in other.stderr
    peers = p2pfs("--state", str(tracker.state), "tracker", "list_peers")
    assert len(peers.stdout.splitlines()) == 3
    assert all(abs(time.time() - peer["since"]) < 60 for peer in tracker.ask("list_peers"))
    status = p2pfs("--state", str(tracker.state), "tracker", "status")
    assert "peers        2\nfiles        1, 2.0 MiB\n" in status.stdout
    chunks = p2pfs("--state", str(tracker.state), "tracker", "list_chunkinfo", "x.bin")
    assert chunks.stdout.count("0-1") == 2


@pytest.mark.skipif(
    not (shutil.which("ssh") and shutil.which("ssh-keygen")),
    reason="needs the OpenSSH client (ssh and ssh-keygen on the PATH)",
)
def test_openssh(machines: Machines) -> None:
    """`ssh -p PORT host download x.iso /tmp/x.iso` with its output and exit status."""
    key = machines.directory / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    port = free_port()
    machines.tracker()
    source = machines.peer("s")
    path = random_file(machines.directory / "x.bin", 2 * MIB)
    source.ask("publish", str(path))
    console = ["--ssh", f"tcp:{port}:interface=127.0.0.1", "--authorized-keys", f"{key}.pub"]
    machines.peer("f", *console)

    def ssh(*words: str) -> subprocess.CompletedProcess[str]:
        options = {
            "BatchMode": "yes",
            "IdentitiesOnly": "yes",
            "StrictHostKeyChecking": "accept-new",
            "UserKnownHostsFile": str(machines.directory / "known_hosts"),
        }
        flags = [part for item in options.items() for part in ("-o", "=".join(item))]
        return subprocess.run(
            ["ssh", "-F", "none", *flags, "-i", key, "-p", str(port), "127.0.0.1", *words],
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )

    copy = machines.directory / "copy"
    fetched = ssh("download", "x.bin", str(copy))
    assert fetched.returncode == 0, fetched.stderr
    assert str(copy) in fetched.stdout
    assert sha256(copy) == sha256(path)
    again = ssh("download", "x.bin", str(copy))
    assert again.returncode == 0, again.stderr
    assert f"{copy} is there already, and right" in again.stdout
    copy.write_bytes(b"another content")
    refused = ssh("download", "x.bin", str(copy))
    assert refused.returncode == 1
    assert "use --overwrite" in refused.stderr
    assert ssh("nonsense").returncode == 2
