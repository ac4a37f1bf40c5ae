"""What OpenSSL does when it is called, and what it leaves."""

from __future__ import annotations

import gc
import select
import socket

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from p2pfs.secure.channel import LOST, RECORD
from tests.secure.channels import two_ends

HANDSHAKE = b"\x16"
UPDATE_AND_ANSWER = b"\x18\x00\x00\x01\x01"
"""A message by which one side takes other keys, and wants the other to do so too."""


def expand(secret: bytes, label: bytes, size: int) -> bytes:
    """HKDF-Expand-Label of RFC 8446, without a context."""
    info = size.to_bytes(2) + bytes([6 + len(label)]) + b"tls13 " + label + b"\x00"
    return HKDFExpand(SHA256(), size, info).derive(secret)


def key_updates(secret: bytes, count: int) -> bytes:
    """So many updates of keys, by who has sent nothing yet with that secret."""
    records = bytearray()
    for _ in range(count):
        inner = UPDATE_AND_ANSWER + HANDSHAKE
        header = b"\x17\x03\x03" + (len(inner) + 16).to_bytes(2)
        key, nonce = expand(secret, b"key", 16), expand(secret, b"iv", 12)
        records += header + AESGCM(key).encrypt(nonce, inner, header)
        secret = expand(secret, b"traffic upd", 32)
    return bytes(records)


def test_a_call_returns_after_what_is_no_data() -> None:
    """Else a member could keep the reactor in one call, by sending new keys for ever."""
    with two_ends() as (client, server):
        client.socket.sendall(key_updates(client.secrets["CLIENT_TRAFFIC_SECRET_0"], 50))
        calls = 0
        while select.select([server.socket], [], [], 1)[0] and calls < 1000:
            assert server.channel.read(RECORD) == b""
            calls += 1
            if not server.is_waiting:
                break
        assert calls >= 50


def test_new_keys_break_nothing() -> None:
    """Both sides go on with them."""
    with two_ends() as (client, server):
        client.socket.sendall(key_updates(client.secrets["CLIENT_TRAFFIC_SECRET_0"], 1))
        select.select([server.socket], [], [])
        assert server.channel.read(RECORD) == b""
        assert server.channel.write(memoryview(b"hello"))
        select.select([client.socket], [], [])
        answer = b""
        while not answer:
            answer = client.channel.read(RECORD)
        assert answer == b"hello"


def test_many_records_are_written_in_one_call() -> None:
    """As much as there is room for; the rest goes with the same again."""
    with two_ends() as (client, server):
        data = bytes(range(256)) * 2**16
        calls = 1
        got = bytearray()
        buffer = bytearray(2**20)
        while not client.channel.write(memoryview(data)):
            calls += 1
            count = server.channel.read_into([memoryview(buffer)])
            got += buffer[:count]
        while len(got) < len(data):
            count = server.channel.read_into([memoryview(buffer)])
            got += buffer[:count]
        assert got == data
        assert calls < len(data) / RECORD


def test_memory_is_given_back_whatever_happens() -> None:
    """An error is kept, and what held on to memory by its traceback would crash the interpreter."""
    with two_ends() as (client, server):
        for cut in (False, True):
            if cut:
                client.socket.shutdown(socket.SHUT_RDWR)
                select.select([server.socket], [], [])
            buffer = bytearray(10)
            with memoryview(buffer) as view:
                kept = None
                try:
                    assert server.channel.read_into([view]) == 0
                except LOST as error:
                    kept = error
            buffer.append(0)
            assert (kept is not None) is cut
        gc.collect()
