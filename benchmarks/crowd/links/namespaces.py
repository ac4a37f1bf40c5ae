"""A small network on this machine: a network namespace for each host, and one for the switch.

Everything is made inside of namespaces, so the machine's own network has no part in it.
Each host has one interface; the switch, a bridge, has a port for each. Token buckets on
both ends of a cable give the host its rates. Rates are in bytes a second.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Network

from benchmarks.problems import BenchmarkFailed, Skipped

NETWORK = IPv4Network("198.18.0.0/16")
"""Set aside for measurements by RFC 2544. It is no private network, in which libtorrent
would serve everybody at once, whatever its settings say."""
MAX_HOSTS = 32
"""Linux has room for 1,024 neighbours in all namespaces together, and each host knows all."""
BURST = 64 << 10
"""Bytes that may go at once after a pause: as much as a sender hands on in one piece."""
QUEUE_MS = 100
"""How long what is sent waits for its turn, before more of it is dropped."""
COMMAND_SECONDS = 20.0
"""A command that takes longer is stuck."""

Command = list[str]


@dataclass(frozen=True)
class Link:
    """What a host can send and receive, in bytes a second; None is as much as the machine can."""

    up: float | None = None
    down: float | None = None


class Lab:
    """The hosts of one network, counted from 0; to be had from `laboratory`."""

    def __init__(self, prefix: str, links: Sequence[Link]) -> None:
        """``prefix`` is what the names of all its namespaces begin with."""
        if len(links) > MAX_HOSTS:
            raise BenchmarkFailed(f"There is room for {MAX_HOSTS} hosts, not for {len(links)}.")
        self.prefix = prefix
        self.links = links

    def address(self, host: int) -> str:
        """The address of a host."""
        return str(NETWORK[host + 1])

    def inside(self, host: int) -> Command:
        """What a command is to begin with, so that it runs on a host; its process stays one."""
        return ["ip", "netns", "exec", self._host(host)]

    def sent(self) -> list[int]:
        """What each host has sent so far: bytes at its interface, headers included."""
        # What the switch received is what came through the host's token bucket.
        counted = received(_run(["ip", "-n", self._switch, "-s", "-j", "link"]))
        return [counted[_port(host)] for host in range(len(self.links))]

    def commands(self) -> list[Command]:
        """What makes the network, in order."""
        switch = ["ip", "-n", self._switch]
        commands: list[Command] = [
            ["ip", "netns", "add", self._switch],
            [*switch, "link", "add", "bridge", "type", "bridge"],
            [*switch, "link", "set", "bridge", "up"],
        ]
        for host, link in enumerate(self.links):
            name, port = self._host(host), _port(host)
            inside = ["ip", "-n", name]
            cable = ["type", "veth", "peer", "name", "eth0", "netns", name]
            address = f"{self.address(host)}/{NETWORK.prefixlen}"
            commands += [
                ["ip", "netns", "add", name],
                [*switch, "link", "add", port, *cable],
                [*inside, "address", "add", address, "dev", "eth0"],
                [*inside, "link", "set", "lo", "up"],
                [*inside, "link", "set", "eth0", "up"],
                [*switch, "link", "set", port, "master", "bridge", "up"],
            ]
            if link.up is not None:
                commands.append(_shape(name, "eth0", link.up))
            if link.down is not None:
                commands.append(_shape(self._switch, port, link.down))
        return commands

    def make(self) -> None:
        """Make the network; raises `Skipped` when this machine does not let us."""
        for command in self.commands():
            try:
                _run(command)
            except BenchmarkFailed as error:
                raise Skipped(f"The network cannot be made on this machine. {error}") from None

    def remove(self) -> None:
        """End whatever runs on its hosts, and remove all that is there of it."""
        for name in left_of(self.prefix):
            for pid in _run(["ip", "netns", "pids", name]).split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            _run(["ip", "netns", "delete", name])

    @property
    def _switch(self) -> str:
        return f"{self.prefix}switch"

    def _host(self, host: int) -> str:
        return f"{self.prefix}{host}"


@contextmanager
def laboratory(links: Sequence[Link]) -> Iterator[Lab]:
    """A network with a host for each link; nothing is left of it in the end.

    Raises `Skipped` where it cannot be made.
    """
    if os.geteuid() != 0:
        raise Skipped("Only root can make network namespaces; run it as root.")
    for program in ("ip", "tc"):
        if shutil.which(program) is None:
            raise Skipped(f"There is no program '{program}' here; it belongs to iproute2.")
    lab = Lab(f"p2pfs-{os.getpid()}-", links)
    try:
        lab.make()
        yield lab
    finally:
        with _undisturbed():
            lab.remove()


def left_of(prefix: str) -> list[str]:
    """The namespaces that there are whose names begin with ``prefix``."""
    lines = _run(["ip", "netns", "list"]).splitlines()
    names = [line.split()[0] for line in lines if line.strip()]
    return [name for name in names if name.startswith(prefix)]


def received(links: str) -> dict[str, int]:
    """Bytes received by each interface, from what ``ip -s -j link`` prints."""
    try:
        return {link["ifname"]: link["stats64"]["rx"]["bytes"] for link in json.loads(links)}
    except (ValueError, KeyError, TypeError):
        raise BenchmarkFailed("What 'ip -s -j link' says is not understood.") from None


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Have the signals that end a benchmark wait until what must be done is done."""
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    before = {number: signal.signal(number, lambda n, frame: came.append(n)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for late in came:
            signal.raise_signal(late)


def _port(host: int) -> str:
    """The switch's end of a host's cable."""
    return f"port{host}"


def _shape(namespace: str, device: str, rate: float) -> Command:
    """Have an interface send so many bytes a second at most."""
    bucket = ["tbf", "rate", f"{round(8 * rate)}bit", "burst", f"{BURST}b"]
    where = ["tc", "-n", namespace, "qdisc", "add", "dev", device, "root"]
    return [*where, *bucket, "latency", f"{QUEUE_MS}ms"]


def _run(command: Command) -> str:
    """Run a command; what it printed. Raises `BenchmarkFailed` with what it complained of."""
    try:
        # In a session of its own: Ctrl-C is for us, and not to cut it short in between.
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        raise BenchmarkFailed(f"'{' '.join(command)}' did not come to an end.") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise BenchmarkFailed(f"'{' '.join(command)}' said: {said[0] if said else 'nothing'}")
    return done.stdout
