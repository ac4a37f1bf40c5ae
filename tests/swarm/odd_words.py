"""What paths, names and numbers can be, and a directory that has one of each kind of thing."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534

NAMES = [
    "",
    ".",
    "..",
    "/",
    "//",
    "x/",
    "a/../b",
    "/absolute",
    "a\0b",
    "two\nlines",
    "tab\there",
    "bad\udcff.bin",  # the byte 0xff, as Python has it
    "half\ud800",  # which no bytes can be
    "cafe\u0301",  # NFD
    "right\u202eto-left",
    "\U0001f600",
    "back\\slash",
    "-",
    "--",
    "---",
    "~",
    "~nosuchuser/x",
    "*",
    "[",
    "'quote",
    "x" * 255,
    "x" * 300,
    "\xe9" * 300,
    "x" * 1024 + "/",
    "x" * 5000,
    "/".join(["x"] * 1500),
    "nobody-offers-this",
]

NUMBERS = [
    *("0", "-1", "1", "80", "65535", "65536", "99999", "1e400", "-1e400", "nan", "inf"),
    *("1e300", "1e300G", "9" * 400, "1G", "none", "0x10", "\u0663", "\uff16", "1_0", " 1", "K", ""),
]

HOSTS = [
    *("127.0.0.1", "::1", "[::1]", "256.0.0.1", "a b", "x=y", "a:b:c", "%", "[", "x." * 200),
    *("\xe9.invalid", "\u202e.invalid", "xn--\xe9", ".", "..", "-", "localhost"),
]

WHOLE_SYSTEM = ("/", "//", "/dev", "/proc")
"""Directories in which far too much lies."""


def odd_directory(directory: Path) -> list[str]:
    """Make one of each kind of thing there; their paths, and those of nothing."""
    directory.mkdir()
    (directory / "file").write_bytes(b"content")
    (directory / "empty").write_bytes(b"")
    (directory / "folder").mkdir()
    (directory / "folder" / "inside").write_bytes(b"inside")
    (directory / "nothing-in-it").mkdir()
    with_odd_names = directory / "odd-names"
    with_odd_names.mkdir()
    for name in (b"bad\xff.bin", b"two\nlines", "cafe\u0301".encode(), b"good"):
        (Path(os.fsdecode(os.fsencode(with_odd_names) + b"/" + name))).write_bytes(name)
    (directory / "loop").symlink_to("loop")
    (directory / "dangling").symlink_to("nothing")
    (directory / "to-folder").symlink_to("folder")
    os.mkfifo(directory / "fifo")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(directory / "socket"))
    closed = directory / "closed"
    closed.mkdir()
    (closed / "file").write_bytes(b"closed")
    (closed / "folder").mkdir()
    closed.chmod(0)
    (directory / "partly-closed").mkdir()
    (directory / "partly-closed" / "closed").mkdir(mode=0)
    (directory / "not-readable").write_bytes(b"secret")
    (directory / "not-readable").chmod(0)
    (directory / "not-writable").mkdir(mode=0o555)
    found = [*WHOLE_SYSTEM, "", ".", "/dev/null", "/dev/full", "/proc/self/mem", "/proc", "/root/"]
    for thing in sorted(directory.iterdir()):
        found += [str(thing), f"{thing}/", f"{thing}/below", f"{thing}/below/it", f"{thing}/.."]
    found += ["~nosuchuser/file", "~nosuchuser", "~"]
    return [*found, *(f"{directory}/{name}" for name in NAMES), *NAMES]


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be a user for whom permissions count, where root runs the tests; else who one is."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
