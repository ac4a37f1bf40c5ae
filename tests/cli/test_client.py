"""The program's client of the control socket, beside what tests of the program see."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread, get_ident

import pytest

from p2pfs.cli.client import DaemonUnavailable, connect
from p2pfs.errors import StartupProblem


@contextmanager
def daemon(state: Path, serve: Callable[[socket.socket], object]) -> Iterator[None]:
    """A thread that has the first connection served, and closes it; waited for at the end."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(state / "control"))
        server.listen()

        def accept() -> None:
            connection, _ = server.accept()
            with connection:
                serve(connection)

        thread = Thread(target=accept)
        thread.start()
        try:
            yield
        finally:
            thread.join()


def test_socket_path_too_long(tmp_path: Path) -> None:
    """A state directory too deep for a socket is a sentence, not an OSError."""
    with pytest.raises(StartupProblem, match="too long"):
        connect(tmp_path / ("x" * 110))


@pytest.mark.parametrize(
    "reply", [b"", b'{"answer": {"lines"', b"no json\n", b'{"names": []}\n', b'{"answer": 3}\n']
)
def test_strange_daemon(tmp_path: Path, reply: bytes) -> None:
    """A daemon that goes away or answers nonsense is a sentence."""

    def serve(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(reply)

    with daemon(tmp_path, serve), connect(tmp_path) as client, pytest.raises(DaemonUnavailable):
        client.request(["x"], lambda _: None)


def test_an_interrupt_that_ends_no_wait_is_noticed_soon(tmp_path: Path) -> None:
    """A Ctrl-C that comes right before the program begins to wait is not kept for the answer.

    Here another thread gets the signal, so that no wait of this one is ended by it either.
    """
    ended = []

    def serve(connection: socket.socket) -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        connection.recv(1000)
        signal.pthread_kill(get_ident(), signal.SIGINT)
        connection.settimeout(20)  # for a program that waits on
        ended.append(connection.recv(1000))

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        with daemon(tmp_path, serve), connect(tmp_path) as client, pytest.raises(KeyboardInterrupt):
            client.request(["x"], lambda _: None)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
    assert ended == [b""], "it hung up, which cancels the command"


def test_answers_come_in_pieces_and_together(tmp_path: Path) -> None:
    """Lines are lines, however they arrive; a daemon that is silent for too long is gone."""
    lines = b'{"progress": {"label": "x", "done": 1, "total": 2}}\n' * 2
    lines += b'{"answer": {"lines": ["a"]}}\n'
    seen = []

    def serve(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(lines[:20])
        connection.sendall(lines[20:])
        connection.recv(1000)
        connection.recv(1000)

    with daemon(tmp_path, serve), connect(tmp_path, timeout=0.2) as client:
        assert client.request(["x"], seen.append).lines == ["a"]
        with pytest.raises(DaemonUnavailable):
            client.request(["x"], seen.append)
    assert len(seen) == 2


def test_where_none_answers_the_program_that_starts_one_is_named(tmp_path):
    with pytest.raises(DaemonUnavailable, match="start one with 'p2pfs-tracker' or give"):
        connect(tmp_path, "tracker")
