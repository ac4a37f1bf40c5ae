"""The vocabulary of the control socket, as client and daemon share it."""

from __future__ import annotations

import socket
from pathlib import Path

import msgspec
import pytest

from p2pfs.console.command import Progress
from p2pfs.console.control.messages import (
    MAX_SOCKET_PATH_BYTES,
    ProgressMessage,
    Request,
    Response,
    socket_path_fits,
)


@pytest.mark.parametrize("line", ["{}", '{"words":null}', '{"words":"a"}', '{"words":[1]}'])
def test_a_request_has_words(line: str) -> None:
    """Several, each of which is text."""
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(line, type=Request)


def test_what_is_absent_is_left_out() -> None:
    """A line holds what it says, so that older clients see nothing that they do not know."""
    assert msgspec.json.encode(Response(error="No.")) == b'{"error":"No."}'


def test_later_versions_may_say_more() -> None:
    """Fields that are not known are passed over."""
    response = msgspec.json.decode(b'{"error":"No.","colour":"red"}', type=Response)
    assert response == Response(error="No.")


def test_progress_has_the_fields_of_a_commands() -> None:
    """What a command reports arrives whole."""
    assert ProgressMessage.__struct_fields__ == tuple(Progress.__dataclass_fields__)


@pytest.mark.parametrize(("size", "fits"), [(0, True), (1, False)])
def test_the_longest_path_of_a_socket_is_known(place: Path, size: int, fits: bool) -> None:
    """In bytes, not in characters; the system agrees."""
    room = MAX_SOCKET_PATH_BYTES + size - len(str(place)) - 1
    path = place / ("é" * (room // 2) + "x" * (room % 2))
    assert socket_path_fits(path) == fits
    with socket.socket(socket.AF_UNIX) as bound:
        if fits:
            bound.bind(str(path))
        else:
            with pytest.raises(OSError, match="too long"):
                bound.bind(str(path))
