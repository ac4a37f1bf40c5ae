"""OpenSSL on a socket: what comes out at the other end, and how it ends."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable
from threading import Thread

import pytest
from OpenSSL import SSL
from twisted.internet.error import ConnectionDone, ConnectionLost

from p2pfs.secure.channel import RECORD
from tests.secure.channels import End, two_ends

MIB = 2**20


def arrives(end: End) -> None:
    """Wait until something is there."""
    select.select([end.socket], [], [], 10)


def write_all(end: End, data: bytes) -> None:
    """Write it, as there is room."""
    left = memoryview(data)
    while left:
        piece = left[: 5 * RECORD + 1]
        if end.channel.write(piece):
            left = left[len(piece) :]
        else:
            select.select([], [end.socket], [], 10)


def read_all(end: End, count: int) -> bytes:
    """Read so much, through buffers whose sizes are no records'."""
    got = bytearray()
    buffer = bytearray(40_000)
    view = memoryview(buffer)
    while len(got) < count:
        size = end.channel.read_into([view[:33_333], view[33_333:]])
        got += view[:size]
        if not size and not end.channel.has_more:
            arrives(end)
    return bytes(got)


def test_what_is_there_is_read_at_once() -> None:
    """From as many records as there are, up to what was asked for and one more."""
    with two_ends() as (one, other):
        write_all(one, bytes(3 * RECORD))
        arrives(other)
        assert len(other.channel.read(MIB)) == 3 * RECORD
        assert other.channel.read(MIB) == b""
        write_all(one, bytes(3 * RECORD))
        arrives(other)
        assert len(other.channel.read(RECORD + 1)) == 2 * RECORD
        assert not other.channel.has_more
        assert len(other.channel.read(1)) == RECORD


def test_what_a_buffer_leaves_of_a_record_is_known() -> None:
    """The system shows nothing of it."""
    with two_ends() as (one, other):
        write_all(one, b"abcdef")
        arrives(other)
        buffer = bytearray(4)
        assert other.channel.read_into([memoryview(buffer)]) == 4
        assert not other.is_waiting
        assert other.channel.has_more
        assert other.channel.read(MIB) == b"ef"
        assert not other.channel.has_more


def test_a_clean_end_comes_behind_what_was_written() -> None:
    """What is there is read first; that there is an end is known, as the system may not show it."""
    with two_ends() as (one, other):
        write_all(one, b"abc")
        one.channel.say_goodbye()
        arrives(other)
        assert other.channel.read(MIB) == b"abc"
        assert other.channel.has_more
        with pytest.raises(ConnectionDone):
            other.channel.read(MIB)
        with pytest.raises(ConnectionDone):
            other.channel.read_into([memoryview(bytearray(1))])


def test_an_end_without_a_word_is_none_of_the_other_sides() -> None:
    """Somebody on the path can cut a connection, and it must not look like an end."""
    with two_ends() as (one, other):
        write_all(one, b"abc")
        one.socket.shutdown(socket.SHUT_RDWR)
        arrives(other)
        assert other.channel.read(MIB) == b"abc"
        with pytest.raises(ConnectionLost):
            other.channel.read(MIB)


def test_what_was_changed_on_the_way_is_an_error() -> None:
    """Nothing of it is read."""
    with two_ends() as (one, other):
        one.socket.send(b"\x17\x03\x03\x00\x20" + bytes(32))
        arrives(other)
        with pytest.raises(SSL.Error, match="decryption failed"):
            other.channel.read(MIB)
        with pytest.raises(SSL.Error, match="decryption failed"):
            other.channel.read(MIB)


def test_to_write_to_nobody_is_an_error() -> None:
    """That the other side is gone is seen by writing too."""
    with two_ends() as (one, other):
        other.socket.close()
        with pytest.raises(ConnectionLost):
            write_all(one, bytes(16 * MIB))


def test_threads_read_and_write_at_the_same_time() -> None:
    """All four ways at once, over sockets that take little: every byte comes, in order."""
    with two_ends(buffers=16 << 10) as (one, other):
        there, back = os.urandom(8 * MIB), os.urandom(8 * MIB)
        got: dict[str, bytes] = {}

        def keep(name: str, read: Callable[[End, int], bytes], end: End) -> None:
            got[name] = read(end, 8 * MIB)

        threads = [
            Thread(target=write_all, args=(one, there)),
            Thread(target=write_all, args=(other, back)),
            Thread(target=keep, args=("there", read_all, other)),
            Thread(target=keep, args=("back", read_all, one)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert got["there"] == there
        assert got["back"] == back
