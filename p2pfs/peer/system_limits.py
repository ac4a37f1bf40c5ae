"""What the system allows this process, as far as it matters for speed."""

from __future__ import annotations

import resource
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TCP = Path("/proc/sys/net/ipv4")


@dataclass(frozen=True)
class SystemLimits:
    """Files that may be open, and bytes to which a connection's buffers may grow.

    None is no limit on files, and buffers of which the system says nothing.
    """

    open_files: int | None
    receive_buffer: int | None
    send_buffer: int | None


def system_limits(tcp: Path = _TCP) -> SystemLimits:
    """Those of this process; ``tcp`` is where the system shows those of its connections (Linux)."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return SystemLimits(
        None if soft == resource.RLIM_INFINITY else soft,
        _largest(tcp / "tcp_rmem"),
        _largest(tcp / "tcp_wmem"),
    )


def _largest(path: Path) -> int | None:
    """The last of the three numbers of such a setting."""
    with suppress(OSError, ValueError, IndexError):
        return int(path.read_text().split()[2])
    return None
