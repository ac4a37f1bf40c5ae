"""Names, addresses, bitfields, hash lists and digests: right, or refused in so many words."""

from __future__ import annotations

import posixpath
import unicodedata
from contextlib import suppress

from p2pfs.addresses import is_loopback, is_wildcard, parse_address, parse_port
from p2pfs.chunks import ChunkSet, FileInfo, HashList, bytes_in, parse_digest
from p2pfs.errors import InvalidAddress, InvalidFileInfo, InvalidName
from p2pfs.names import check_filename, filename_from_path
from tests.fuzz.faults import check

MOST_TEXT = 800


def run(data: bytes) -> None:
    """Take the bytes for each kind of value in turn."""
    # As JSON strings and paths come: lone surrogates can be in paths.
    for text in (data.decode(errors="replace"), data.decode(errors="surrogateescape")):
        _check_name(text)
        _check_address(text)
        digest = parse_digest(text)
        check(digest is None or digest.hex() == text.lower(), "a digest is its digits")
    total = int.from_bytes(data[:2], "big")
    for chunks in {total, total % 64}:
        _check_bitfield(chunks, data[2:])
        _check_hash_list(chunks % 8, data[2:])


def _check_name(text: str) -> None:
    try:
        name = check_filename(text)
    except InvalidName as error:
        check(len(str(error)) <= MOST_TEXT and str(error).isascii(), "an error can be shown")
    else:
        check(name == text, "a good name is left as it is")
        check(1 <= len(name.encode()) <= 1024, "a name has 1 to 1024 bytes")
        climbed = posixpath.normpath(posixpath.join("/share", name))
        check(climbed == "/share/" + name, "a name stays below its directory, by one path")
        check(not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in name), "no control characters")
        check("\\" not in name and unicodedata.normalize("NFC", name) == name, "one spelling")
    with suppress(InvalidName):
        check_filename(filename_from_path(text))


def _check_address(text: str) -> None:
    try:
        address = parse_address(text)
    except InvalidAddress as error:
        check(len(str(error)) <= MOST_TEXT and str(error).isascii(), "an error can be shown")
    else:
        check(1 <= address.port <= 65535, "a port is in range")
        check(parse_address(str(address)) == address, "an address survives the wire")
        check(len(str(address)) <= 300, "an address is bounded")
        check(not (is_wildcard(address.host) and is_loopback(address.host)), "either or neither")
    port = parse_port(text)
    check(port is None or str(port) == text, "a port has one spelling")


def _check_bitfield(total: int, data: bytes) -> None:
    for bitfield in (data, data[: (total + 7) // 8]):
        try:
            chunks = ChunkSet.from_bitfield(total, bitfield)
        except InvalidFileInfo:
            continue
        check(chunks.to_bitfield() == bitfield, "a bitfield survives the wire")
        bits = [n for n in range(len(bitfield) * 8) if bitfield[n // 8] & 0x80 >> n % 8]
        check(list(chunks) == bits, "the most significant bit of byte 0 is chunk 0")
        check(all(n < total for n in bits), "a chunk outside the file is refused")
        check(len(chunks) == len(bits), "a set knows its size")
        check(list(chunks.missing) == sorted({*range(total)} - {*bits}), "the rest is missing")
        check(chunks.whole == (len(bits) == total), "a set with all chunks is whole")
        if total:
            info = FileInfo(total * 10 - 3, total, 10)
            lengths = sum(info.length(n) for n in bits)
            check(bytes_in(info, chunks) == lengths, "the bytes of chunks are their lengths")


def _check_hash_list(total: int, data: bytes) -> None:
    try:
        hashes = HashList(total, data)
    except InvalidFileInfo:
        return
    check(bytes(hashes) == data, "a hash list is its digests")
    for number in range(total):
        digest = data[number * 32 : number * 32 + 32]
        check(hashes[number] == (digest if any(digest) else None), "each digest has its place")
    try:
        hashes[total]
    except InvalidFileInfo:
        return
    check(False, "there is no digest behind the last")
