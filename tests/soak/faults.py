"""What goes wrong in a history, and how it is put right again."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from random import Random

from p2pfs.peer.storage import is_part_name
from p2pfs.testing import Connection, Host
from p2pfs.testing.swarm import PEER_PORT, TRACKER_PORT
from tests.soak.plan import Fault
from tests.soak.private_plan import MONTH, SKEW
from tests.soak.scene import Scene
from tests.soak.truth import DOWNLOADS

FLIP_SECONDS = 5.0
FLIP_SHARE = 0.03
"""The portion of segments in which a bit is flipped, while it lasts."""
RESTART_SECONDS = 1.0


class Faults:
    """Each method is a kind of fault on a host; most end after so many seconds."""

    def __init__(
        self,
        scene: Scene,
        restart: Callable[[Host], None],
        stop: Callable[[Host], None],
        ends: Callable[[Host, str], None],
        slow_drive: float,
    ) -> None:
        """``restart`` starts a host's daemon anew, ``stop`` stops it in good order.

        ``ends`` is called just before a fault of the named kind ends a host's process.
        ``slow_drive`` is what a slow one moves, in bytes a second.
        """
        self._network = scene.network
        self._membership = scene.membership
        self._truth = scene.truth
        self._ends = ends
        self._slow_drive = slow_drive
        self._restart = restart
        self._stop = stop
        self._holds: dict[tuple[Host, str], int] = {}

    def begin(self, fault: Fault) -> None:
        """Let it happen, unless the host is off just now."""
        host = self._network.hosts[fault.host]
        if host.is_up:
            getattr(self, fault.kind)(host, fault.seconds, Random(fault.number))

    def _after(self, seconds: float, call: Callable[..., None], *args: object) -> None:
        self._network.timeline.after(seconds, call, *args)

    # Processes and hosts

    def kill(self, host: Host, seconds: float, random: Random) -> None:
        """The process dies, and is started again later."""
        self._ends(host, "kill")
        host.kill()
        self._after(seconds, self._restart, host)

    def stop(self, host: Host, seconds: float, random: Random) -> None:
        """The daemon is stopped in good order, and started again."""
        if not host.is_frozen:
            self._stop(host)

    def power_off(self, host: Host, seconds: float, random: Random) -> None:
        """The host vanishes; its disk has everything when it comes back."""
        self._ends(host, "power failure")
        host.power_off()
        self._after(seconds, self._power_on, host)

    def lose_unsynced(self, host: Host, seconds: float, random: Random) -> None:
        """The host vanishes; its disk has lost what was not synced."""
        self._ends(host, "power failure")
        host.power_off(synced_only=True)
        self._after(seconds, self._power_on, host)

    def _power_on(self, host: Host) -> None:
        host.power_on()
        self._restart(host)

    def freeze(self, host: Host, seconds: float, random: Random) -> None:
        """The process stands still for a while."""
        reactor = host.reactor
        host.freeze()

        def thaw() -> None:
            if host.reactor is reactor:
                host.thaw()

        self._after(seconds, thaw)

    # The network

    def partition(self, host: Host, seconds: float, random: Random) -> None:
        """Some hosts, one of them this, do not reach the others for a while."""
        others = [h for h in self._network.hosts.values() if random.random() < 0.3]
        self._network.partition([host, *others])
        self._after(seconds, self._network.heal)

    def reset(self, host: Host, seconds: float, random: Random) -> None:
        """A connection breaks."""
        for connection in self._one_of(host, random):
            connection.reset()

    def cut(self, host: Host, seconds: float, random: Random) -> None:
        """A connection is half open from now on."""
        for connection in self._one_of(host, random):
            connection.cut()

    def stall(self, host: Host, seconds: float, random: Random) -> None:
        """A connection delivers nothing for a while."""
        for connection in self._one_of(host, random):
            connection.stall()
            self._after(seconds, connection.go_on)

    def _one_of(self, host: Host, random: Random) -> list[Connection]:
        own = [c for c in self._network.connections if host in (c.client.host, c.server.host)]
        return [random.choice(own)] if own else []

    def flip_bytes(self, host: Host, seconds: float, random: Random) -> None:
        """Bits of what this host sends to other peers are flipped for a while."""

        def tamper(connection: Connection, segment: bytes) -> bytes:
            ports = connection.client.remote.port, connection.server.local.port
            # A tracker has no means to tell: what it is told wrongly stays wrong.
            if TRACKER_PORT in ports or PEER_PORT not in ports or random.random() > FLIP_SHARE:
                return segment
            flipped = bytearray(segment)
            flipped[random.randrange(len(segment))] ^= 1 << random.randrange(8)
            return bytes(flipped)

        host.tamper = tamper
        self._truth.flipped = True

        def end() -> None:
            host.tamper = None

        self._after(FLIP_SECONDS, end)

    # The disk

    def fill_drive(self, host: Host, seconds: float, random: Random) -> None:
        """The drive is full for a while."""
        self._hold(host, "full", seconds)

    def break_drive(self, host: Host, seconds: float, random: Random) -> None:
        """Some calls to the drive fail for a while."""
        self._hold(host, random.choice(["read", "write", "sync"]), seconds)

    def slow_drive(self, host: Host, seconds: float, random: Random) -> None:
        """The drive is slow for a while, and in no hurry to begin."""
        self._hold(host, "slow", seconds)

    def _hold(self, host: Host, what: str, seconds: float) -> None:
        """Have a drive be so until the last of those who want it that way let go."""
        self._holds[host, what] = self._holds.get((host, what), 0) + 1
        self._apply(host)

        def let_go() -> None:
            self._holds[host, what] -= 1
            self._apply(host)

        self._after(seconds, let_go)

    def _apply(self, host: Host) -> None:
        on = {what for (held, what), count in self._holds.items() if held is host and count}
        drive = host.drive
        drive.full = "full" in on
        drive.failing = frozenset(kind for kind in ("read", "write", "sync") if kind in on)
        drive.rate, drive.seek = (self._slow_drive, 0.02) if "slow" in on else (None, 0.0)
        drive.disorder = 0.5 if "slow" in on else 0.0

    def jump_clock(self, host: Host, seconds: float, random: Random) -> None:
        """The clock is set to another time."""
        seconds = random.choice([-3600.0, -1.0, 1.0, 3600.0])
        if self._membership.is_private and abs(seconds) > SKEW:
            self._set_clock(host, math.copysign(SKEW, seconds))
        else:
            host.drive.clock_offset += seconds

    def _set_clock(self, host: Host, off: float) -> None:
        """Let it be wrong by so much, and not more: certificates hold while clocks are sound."""
        host.drive.clock_offset = round(host.drive.clock_offset / MONTH) * MONTH + off

    def spoil_part(self, host: Host, seconds: float, random: Random) -> None:
        """Somebody else changes a file that is not finished: a byte, its end, or all behind it."""
        found = (host.directory / DOWNLOADS).rglob("*")
        files = sorted(path for path in found if is_part_name(path.name))
        if not files:
            return
        path = random.choice(files)
        size = path.stat().st_size
        place, how = random.randrange(size + 1), random.choice(["byte", "cut", "cut and restore"])
        if how == "byte":
            with path.open("r+b") as file:
                file.seek(min(place, max(0, size - 1)))
                byte = file.read(1) or b"!"
                file.seek(-1 if size else 0, os.SEEK_CUR)
                file.write(bytes([byte[0] ^ 1]))
        else:
            os.truncate(path, place)
        if how == "cut and restore":
            os.truncate(path, size)
        self._truth.scribble(host, path)

    def scribble(self, host: Host, seconds: float, random: Random) -> None:
        """Somebody else writes into a file below the host's directory for downloads."""
        files = sorted(p for p in (host.directory / DOWNLOADS).rglob("*") if p.is_file())
        if not files:
            return
        path = random.choice(files)
        with path.open("r+b") as file:
            file.seek(random.randrange(path.stat().st_size + 1))
            file.write(b"scribble")
        self._truth.scribble(host, path)
