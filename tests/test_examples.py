"""What docs/examples shows is what runs here."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from tests.processes.daemons import MIB, free_port, random_file, until

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"


@contextmanager
def running(program: str, *arguments: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """An example that runs until the end of the block, and then ends in good order."""
    with subprocess.Popen([sys.executable, EXAMPLES / program, *arguments]) as process:
        try:
            yield process
        finally:
            process.terminate()
            status = process.wait(15)
    assert status == 0


def fetch(tracker: int, name: str, target: Path) -> bool:
    """Whether the client without p2pfs fetched a file."""
    command = [sys.executable, "-I", EXAMPLES / "fetch.py", f"127.0.0.1:{tracker}", name, target]
    return subprocess.run(command, timeout=20).returncode == 0


def test_a_web_server_shares_what_a_client_without_p2pfs_fetches(place: Path) -> None:
    """Both programs; they meet nowhere but on the wire. It knows either hash."""
    directory = place / "shared"
    directory.mkdir()
    content = random_file(directory / "data", 2 * MIB + 5).read_bytes()
    (directory / "empty").touch()
    web, tracker, peer = free_port(), free_port(), free_port()
    ports = [f"--web={web}", f"--tracker={tracker}", f"--peer={peer}"]
    with running("web_server.py", directory, place / "state", "127.0.0.1", *ports):
        target = place / "copy"
        until(lambda: fetch(tracker, "shared/data", target))
        assert target.read_bytes() == content
        assert fetch(tracker, "shared/empty", place / "nothing")
        assert (place / "nothing").read_bytes() == b""
        assert not fetch(tracker, "shared/other", place / "other")
        console = [Path(sys.executable).with_name("p2pfs"), "--state", place / "state" / "peer"]
        older = [*console, "publish", "--hash", "sha256", directory / "data", "older"]
        subprocess.run(older, check=True, timeout=20, capture_output=True)
        assert fetch(tracker, "older", place / "older")
        assert (place / "older").read_bytes() == content
        with urlopen(f"http://127.0.0.1:{web}/data") as response:
            assert response.read() == content


def test_a_swarm_in_a_test() -> None:
    """As it stands, it passes."""
    runpy.run_path(str(EXAMPLES / "test_swarm.py"))["test_a_download_outlives_its_source"]()
