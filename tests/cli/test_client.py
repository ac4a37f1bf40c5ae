"""The program's client of the control socket, beside what tests of the program see."""

from __future__ import annotations

import socket
from pathlib import Path
from threading import Thread

import pytest

from p2pfs.cli.client import DaemonUnavailable, connect
from p2pfs.errors import StartupProblem


def test_socket_path_too_long(tmp_path: Path) -> None:
    """A state directory too deep for a socket is a sentence, not an OSError."""
    with pytest.raises(StartupProblem, match="too long"):
        connect(tmp_path / ("x" * 110))


@pytest.mark.parametrize(
    "reply", [b"", b'{"answer": {"lines"', b"no json\n", b'{"names": []}\n', b'{"answer": 3}\n']
)
def test_strange_daemon(tmp_path: Path, reply: bytes) -> None:
    """A daemon that goes away or answers nonsense is a sentence."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "control"))
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(reply)

        thread = Thread(target=serve)
        thread.start()
        try:
            with connect(tmp_path) as client, pytest.raises(DaemonUnavailable):
                client.request(["x"], lambda _: None)
        finally:
            thread.join()


def test_where_none_answers_the_program_that_starts_one_is_named(tmp_path):
    with pytest.raises(DaemonUnavailable, match="start one with 'p2pfs-tracker' or give"):
        connect(tmp_path, "tracker")
