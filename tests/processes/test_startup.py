"""Starting: what cannot work is said in one line, with a non-zero exit status."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from p2pfs.cli.client import connect
from p2pfs.daemon.state_directory import StateDirectory
from p2pfs.errors import StartupProblem
from tests.processes.daemons import TWISTD, Machines, random_file, until


def start(directory: Path, *arguments: str, daemonise: bool = False) -> tuple[int, str]:
    """Run twistd until it ends by itself; its exit status and what it wrote."""
    mode = [] if daemonise else ["-n"]
    role, *options = arguments
    ended = subprocess.run(
        [TWISTD, *mode, role, "--config", "none", *options],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=directory,
        env={**os.environ, "XDG_STATE_HOME": str(directory / "xdg")},
    )
    return ended.returncode, ended.stdout + ended.stderr


def is_one_line(status: int, output: str, words: str) -> None:
    """Check that it failed with a single sentence that holds ``words``."""
    assert status != 0
    assert words in output
    assert "Traceback" not in output
    assert len([line for line in output.splitlines() if line.startswith("p2pfs")]) == 1, output


@pytest.mark.parametrize("daemonise", [False, True])
def test_an_endpoint_that_is_taken(tmp_path: Path, daemonise: bool) -> None:
    """Also when twistd is to go into the background, the terminal hears of it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
        result = start(
            tmp_path, "p2pfs-tracker", "--state", "s", "--listen", listen, daemonise=daemonise
        )
    is_one_line(*result, "Cannot listen at")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["p2pfs-tracker", "--listen", "nonsense"], "is not a server endpoint"),
        (["p2pfs-tracker", "--listen", "tcp:99999"], "Cannot listen at"),
        (["p2pfs-peer", "--tracker", "nonsense:x"], "is not a client endpoint"),
        (["p2pfs-peer", "--listen", "tcp:x"], "is not a server endpoint"),
        (["p2pfs-peer", "--state", "/proc/nowhere"], "cannot be used"),
        (["p2pfs-tracker", "--state", "/dev/null/x"], "cannot be used"),
        (
            ["p2pfs-peer", "--ssh", "tcp:0:interface=127.0.0.1", "--authorized-keys", "/nowhere"],
            "/nowhere",
        ),
        (["p2pfs-peer", "--state", "x" * 150], "shorter path"),
    ],
)
def test_unusable_options(tmp_path: Path, arguments: list[str], words: str) -> None:
    """Bad endpoints, state directories and key files."""
    is_one_line(*start(tmp_path, *arguments), words)


def test_ssh_without_keys_is_a_usage_error(tmp_path: Path) -> None:
    """An open SSH console without keys would be of no use, and is refused."""
    status, output = start(tmp_path, "p2pfs-peer", "--ssh", "tcp:0")
    assert status != 0
    assert "--authorized-keys" in output
    assert "Traceback" not in output


def test_unknown_options_show_the_help(tmp_path: Path) -> None:
    """A typing error leads to the list of options."""
    status, output = start(tmp_path, "p2pfs-peer", "--trakcer", "x")
    assert status != 0
    assert "trakcer" in output


@pytest.mark.parametrize("role", ["tracker", "peer"])
def test_help(tmp_path: Path, role: str) -> None:
    """Every option is explained."""
    status, output = start(tmp_path, f"p2pfs-{role}", "--help")
    assert status == 0
    options = ["--listen", "--state", "--ssh", "--authorized-keys"]
    options += ["--tracker", "--share"] if role == "peer" else ["--allow-announced-host"]
    assert all(option in output for option in options)


def test_a_damaged_state_file(tmp_path: Path) -> None:
    """The user learns which file is at fault."""
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "peer.sqlite").write_bytes(b"this is no database" * 100)
    is_one_line(*start(tmp_path, "p2pfs-peer", "--state", "s"), "peer.sqlite")


def test_two_daemons_on_one_state_directory(machines: Machines) -> None:
    """The second says so and exits; the first goes on."""
    tracker = machines.tracker()
    result = start(
        machines.directory, "p2pfs-tracker", "--state", str(tracker.state), "--listen", "none"
    )
    is_one_line(*result, "Another daemon uses the state directory")
    tracker.ask("list_peers")


def test_a_state_directory_is_private(machines: Machines) -> None:
    """Nobody else may read it, and the control socket is its owner's alone."""
    tracker = machines.tracker()
    assert tracker.state.stat().st_mode & 0o777 == 0o700
    assert (tracker.state / "control").stat().st_mode & 0o777 == 0o600


def start_in_the_background(state: Path, *options: str) -> int:
    """Start a daemon with no word on pid file, log or umask; the number of its process.

    Its working directory is removed before it begins: it could write nothing there.
    """
    gone = state.parent / "gone"
    gone.mkdir()
    daemon = [TWISTD, f"p2pfs-{state.name}", "--config", "none", "--state", state, *options]
    script = 'rmdir "$0" && umask 022 && exec "$@"'
    subprocess.run(["sh", "-c", script, gone, *daemon], check=True, timeout=30, cwd=gone)
    return int(until(lambda: (state / "pid").exists() and (state / "pid").read_text()))


def ask(state: Path, *words: str) -> Any:
    """Run a console command."""
    with connect(state) as client:
        return client.request(list(words), lambda _: None).data


def is_free(state: Path) -> bool:
    """Whether no daemon uses a state directory."""
    try:
        StateDirectory(state).release()
    except StartupProblem:
        return False
    return True


def test_in_the_background(machines: Machines) -> None:
    """Nothing of twistd shows: two daemons in one directory, which may even be gone.

    Files are as readable as those of any program, and what a killed daemon left
    does not keep it from starting, whoever has the number of its process by now.
    """
    tracker, peer = machines.directory / "tracker", machines.directory / "peer"
    shared = random_file(machines.directory / "shared", 1000)
    endpoint = f"tcp:{machines.port}:interface=127.0.0.1"
    options = ["--tracker", f"tcp:127.0.0.1:{machines.port}", "--share", str(shared)]
    pids = {tracker: start_in_the_background(tracker, "--listen", endpoint)}
    try:
        pids[peer] = start_in_the_background(peer, *options)
        until(lambda: ask(peer, "list_file"))
        copy = machines.directory / "copy"
        ask(peer, "download", "shared", str(copy))
        assert copy.stat().st_mode & 0o777 == 0o644

        os.kill(pids.pop(peer), signal.SIGKILL)
        until(lambda: is_free(peer))
        (peer / "pid").write_text(str(os.getpid()))
        pids[peer] = start_in_the_background(peer, *options)
        until(lambda: ask(peer, "status")["joined_as"])
        log = (peer / "log").read_text()
        assert "Joined the tracker" in log
        assert (peer / "log").stat().st_mode & 0o777 == 0o600
        assert "Traceback" not in log
    finally:
        for pid in pids.values():
            os.kill(pid, signal.SIGTERM)
        until(lambda: all(is_free(state) for state in pids))
    assert not (peer / "pid").exists()


def test_exit_ends_the_daemon(machines: Machines) -> None:
    """The command is answered, and the process ends with status 0."""
    tracker = machines.tracker()
    tracker.ask("exit")
    assert tracker.process.wait(10) == 0
