"""The log of a daemon under ``twistd``: as text and as JSON, and files that are renewed."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from p2pfs.cli.client import DaemonUnavailable, connect
from tests.console.ssh.files import keys_file
from tests.processes.daemons import TWISTD, until


@contextmanager
def daemon(place: Path, *options: str, logfile: Path | None = None) -> Iterator[Any]:
    """A tracker with an SSH console; it is gone afterwards."""
    before = ["--logfile", str(logfile)] if logfile else []
    command = [str(TWISTD), "-n", "--pidfile=", *before, "p2pfs-tracker", "--state"]
    command += [str(place / "s"), "--listen", "tcp:0:interface=127.0.0.1", *options]
    with (place / "out").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def ask(place: Path, *words: str) -> None:
    """Give a command."""
    with connect(place / "s", "tracker") as client:
        client.request(list(words), lambda _: None)


def is_there(place: Path) -> bool:
    """Whether its console can be reached by now."""
    try:
        with connect(place / "s", "tracker"):
            return True
    except DaemonUnavailable:
        return False


def has(path: Path, text: str) -> Callable[[], bool]:
    """Whether a log has it by now."""
    return lambda: path.exists() and text in path.read_text()


@pytest.mark.parametrize("moved_by_others", [False, True])
def test_a_log_from_start_to_stop_in_two_files(place: Path, moved_by_others: bool) -> None:
    """Every line is of something that happened; SIGUSR1 begins the second file."""
    log, earlier = place / "log", place / "log.1"
    ssh = ["--ssh", "tcp:0:interface=127.0.0.1", "--authorized-keys", str(keys_file(place))]
    with daemon(place, *ssh, logfile=log) as process:
        until(has(log, "SSH host key"))
        until(lambda: is_there(place))
        ask(place, "list_peers")
        ask(place, "start", "127.0.0.1", "0")
        if moved_by_others:  # as logrotate does
            log.rename(earlier)
        process.send_signal(signal.SIGUSR1)
        until(log.exists)
        until(earlier.exists)
        ask(place, "exit")
        assert process.wait(15) == 0
    said = [line.partition(" ")[2] for line in earlier.read_text().splitlines()]
    fingerprint = subprocess.run(
        ["ssh-keygen", "-lf", str(place / "s" / "ssh_host_ed25519_key")],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()[1]
    user = r"\S+ \(uid \d+\)"
    expected = [
        rf"The tracker of p2pfs \S+ starts; its state is in {place}/s\.",
        r"Listening for peers at 127\.0\.0\.1:\d+\.",
        r"Listening for consoles over SSH at 127\.0\.0\.1:\d+\.",
        rf"The SSH host key is {re.escape(fingerprint)}\.",
        r"Listening for peers at 127\.0\.0\.1:\d+\.",
        rf"{user} gave 'start 127\.0\.0\.1 0': done in \d\.\d s\.",
    ]
    assert len(said) == len(expected), said
    assert all(re.fullmatch(*pair) for pair in zip(expected, said, strict=True)), said
    said = [line.partition(" ")[2] for line in log.read_text().splitlines()]
    assert re.fullmatch(f"{user} gave 'exit': done in .*", said[0])
    assert said[1:] == ["The tracker has stopped."]
    assert (place / "out").read_text() == ""


def test_a_log_for_programs(place: Path) -> None:
    """One record a line, and only records; also of what is below news, where that is wanted."""
    with daemon(place, "--log-json", "--log-level", "debug") as process:
        until(lambda: is_there(place))
        ask(place, "list_peers")
        ask(place, "exit")
        assert process.wait(15) == 0
    records = [json.loads(line) for line in (place / "out").read_text().splitlines()]
    [listening] = [r for r in records if r["log_format"].startswith("Listening for {whom}")]
    assert listening["address"].startswith("127.0.0.1:")
    assert listening["level"] == "info"
    commands = {r["command"]: r["level"] for r in records if "command" in r}
    assert commands == {"list_peers": "debug", "exit": "info"}
    assert any("starting up" in r["text"] for r in records)  # chatter


def test_a_level_that_does_not_exist_is_said_at_the_start(place: Path) -> None:
    """In one line."""
    with daemon(place, "--log-level", "loud") as process:
        assert process.wait(15) == 1
    assert "'loud' is no level of the log" in (place / "out").read_text()
    assert "Traceback" not in (place / "out").read_text()
