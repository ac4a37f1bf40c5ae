"""The number of a daemon's process, in its state directory."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.logger import LogEvent, globalLogPublisher

from p2pfs.daemon.pid_file import PidFile


def test_it_is_there_while_the_service_runs(tmp_path: Path) -> None:
    """What a killed daemon left is in nobody's way."""
    path = tmp_path / "pid"
    path.write_text("rubbish")
    service = PidFile(path)
    service.startService()
    assert path.read_text() == f"{os.getpid()}\n"
    service.stopService()
    assert not path.exists()
    service.stopService()  # somebody else has removed it


def test_a_daemon_runs_without_it(tmp_path: Path) -> None:
    """Nothing depends on it, so what cannot be written or removed is only told."""
    (tmp_path / "file").touch()
    service = PidFile(tmp_path / "file" / "pid")
    told: list[LogEvent] = []
    globalLogPublisher.addObserver(told.append)
    try:
        service.startService()
        service.stopService()
    finally:
        globalLogPublisher.removeObserver(told.append)
    assert [event["log_format"].split(" (")[0] for event in told] == [
        "The pid file {path} cannot be written",
        "The pid file {path} cannot be removed",
    ]
