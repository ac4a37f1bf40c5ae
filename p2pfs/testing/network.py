"""Simulated hosts, and the network between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import TypeVar

from twisted.internet.abstract import isIPAddress
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pfs.addresses import is_loopback
from p2pfs.testing.connecting import SimulatedPort
from p2pfs.testing.disk import SECOND_NS, Drive, SimulatedDisk
from p2pfs.testing.endings import end_coroutines
from p2pfs.testing.links import Link
from p2pfs.testing.reactor import HostReactor
from p2pfs.testing.streams import SEGMENT, SOCKET_BUFFER, WINDOW
from p2pfs.testing.timeline import Timeline
from p2pfs.testing.transport import LOOPBACK, Connection, End, address_of
from p2pfs.wire import KeepAlive

_T = TypeVar("_T")

FIRST_FREE_PORT = 32768
"""Where the ports begin that are given to those who ask for any."""

LAST_PORT = 65535

Tamper = Callable[[Connection, bytes], bytes]
"""Makes other bytes, as many, of a segment of a connection."""


class Host:
    """One machine: a reactor for its process, a link in each direction, and a disk.

    ``reactor`` and ``disk`` are those of the present process; there are new ones after
    `kill` and `power_off`, and what belonged to the old process never runs again.
    ``drive`` is what the disk is kept on, and what has the faults.
    """

    def __init__(
        self,
        network: Network,
        name: str,
        address: str,
        directory: Path,
        up: float | None,
        down: float | None,
        latency: float,
        behind: Host | None,
    ) -> None:
        self.network = network
        self.name = name
        self.address = address
        """Its own; behind a router it means something only to those behind the same one."""
        self.behind = behind
        """The router in front of it, if any."""
        self.directory = directory
        """Where its files lie."""
        self.latency = latency
        """Seconds from this host to the middle of the network."""
        self.uplink = Link(network.timeline, up)
        self.downlink = Link(network.timeline, down)
        self.loopback = Link(network.timeline, None)
        self.drive = Drive(network.timeline, network.random)
        self.is_up = True
        self.is_frozen = False
        self.tamper: Tamper | None = None
        """Changes segments that leave this host, if set."""
        self._ports = FIRST_FREE_PORT
        self._forwarded: dict[int, tuple[Host, int]] = {}
        self._kept: list[object] = []
        self._at_end: list[Callable[[], None]] = []
        self._begin_process()

    def _begin_process(self) -> None:
        self.reactor = HostReactor(self)
        self.disk = SimulatedDisk(self.drive)
        self.keep(self.reactor)

    def wall_clock(self) -> float:
        """What its clock shows, in seconds since 1970; see `Drive` for how it goes wrong."""
        return self.drive.time_ns() / SECOND_NS

    def free_port(self) -> int:
        """A port that was not used for long."""
        self._ports += 1
        if self._ports > LAST_PORT:
            self._ports = FIRST_FREE_PORT
        return self.free_port() if self._ports in self.reactor.ports else self._ports

    def forward(self, port: int, host: Host, to: int | None = None) -> None:
        """As a router, pass connections from outside to a host behind this one."""
        if host.behind is not self:
            raise ValueError(f"{host.name} is not behind {self.name}.")
        self._forwarded[port] = host, port if to is None else to

    def forwarded(self, port: int) -> tuple[Host, int] | None:
        """Where connections from outside to that port of a router go, if not to itself."""
        return self._forwarded.get(port)

    def address_to(self, other: Host) -> str:
        """The address from which this host's connections come, as another one sees it."""
        if other is self:
            return LOOPBACK
        if self.behind in (None, other.behind, other):
            return self.address
        return self.behind.address

    def when_process_ends(self, call: Callable[[], None]) -> None:
        """Have something done, once, that a system does for a process that has ended."""
        self._at_end.append(call)

    def keep(self, thing: object) -> None:
        """Keep something of the present process until the network is closed.

        What belonged to a process that was killed must not be collected: its
        coroutines would be closed, and their clean-up would run.
        """
        self._kept.append(thing)

    # Faults

    def kill(self) -> None:
        """End the process as SIGKILL does: the system closes its connections and files."""
        ends = self.network.ends_of(self)
        for end in ends:
            end.process_ended()
        self._end_process(ends)

    def power_off(self, synced_only: bool = False) -> None:
        """Let the host vanish: nobody is told, and nothing gets to it until `power_on`.

        With ``synced_only`` its disk keeps only what had been synced.
        """
        self.is_up = False
        ends = self.network.ends_of(self)
        for end in ends:
            end.vanish()
        self.network.changed()
        self._end_process(ends)
        self.drive.power_failed(synced_only)

    def power_on(self) -> None:
        """Let the host be there again; its process is to be started anew."""
        self.is_up = True
        self.network.changed()

    def freeze(self) -> None:
        """Stop the process as SIGSTOP does; its connections stay open."""
        self.is_frozen = True
        self.reactor.freeze()

    def thaw(self) -> None:
        """Let the process go on as SIGCONT does."""
        self.is_frozen = False
        self.reactor.thaw()

    def _end_process(self, ends: list[End]) -> None:
        self.is_frozen = False
        self.reactor.die()
        self.disk.end()
        at_end, self._at_end = self._at_end, []
        for call in at_end:
            call()
        self.keep(ends)
        self._begin_process()

    def close(self) -> list[object]:
        """End the process for good; returns what was kept of it and of those before."""
        self.kill()
        self.tamper = None
        kept, self._kept = self._kept, []
        return kept


class Network:
    """Hosts that reach one another over links of given rates and latencies.

    Everything in it, and everything on its hosts that goes by their reactors,
    happens on one timeline and in one order: the same calls with the same
    ``random`` give the same history, event for event. `close` it in the end, or
    use it in a ``with`` statement.
    """

    def __init__(
        self,
        directory: Path,
        random: Random,
        window: int = WINDOW,
        keep_alive: KeepAlive | None = None,
        *,
        segment: int = SEGMENT,
        socket_buffer: int = SOCKET_BUFFER,
        bulk: int = 1,
    ) -> None:
        """Hosts have their files below ``directory``.

        ``window`` is in bytes, for one direction of a connection. ``keep_alive``
        says after what time a connection with keep-alive notices a vanished host.
        ``segment`` is the most that passes a link in one turn, ``socket_buffer``
        what the system takes from a program, both in bytes. With ``bulk`` each byte
        of a chunk's payload stands for that many, on links as in windows and buffers.
        """
        for name, least in (("window", window), ("segment", segment), ("bulk", bulk)):
            if least < 1:
                raise ValueError(f"{name} is {least}; it is 1 at least.")
        self.directory = directory
        self.random = random
        self.window = window
        self.segment = segment
        self.socket_buffer = socket_buffer
        self.bulk = bulk
        self.keep_alive = (keep_alive or KeepAlive()).patience
        self.timeline = Timeline()
        self.hosts: dict[str, Host] = {}
        self.connections: dict[Connection, None] = {}
        """Those with an end that is still open."""
        self.site_latency: Callable[[Host, Host], float] = _no_distance
        """Seconds that lie between two hosts beside their own latencies."""
        self._by_address: dict[str, Host] = {}
        self._islands: list[frozenset[Host]] = []

    def add_host(
        self,
        name: str,
        up: float | None = None,
        down: float | None = None,
        latency: float = 0.0005,
        *,
        behind: Host | None = None,
    ) -> Host:
        """A new host; rates are in bytes a second (None: no limit), ``latency`` in seconds.

        ``behind`` is a host that does for it what a home's router does: what it connects to
        outside sees that one's address, and nobody outside can connect to it, but by a
        port that the router is told to `Host.forward`. Hosts behind the same one reach each
        other. The router's own links do not count.
        """
        if name in self.hosts:
            raise ValueError(f"There is a host {name} already.")
        if behind is not None and behind.behind is not None:
            raise ValueError(f"{behind.name} is behind a router itself.")
        number = len(self.hosts) + 1
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        directory = self.directory / name
        directory.mkdir(parents=True, exist_ok=True)
        host = Host(self, name, address, directory, up, down, latency, behind)
        self.hosts[name] = self._by_address[address] = host
        return host

    def run(self, seconds: float, stop: Callable[[], bool] | None = None) -> bool:
        """Let time pass, or less if ``stop`` says so after an event; returns whether it did."""
        return self.timeline.run(seconds, stop)

    def result_of(self, work: Deferred[_T], within: float) -> _T:
        """Let time pass until ``work`` has a result, and return it or raise its failure.

        Raises ``TimeoutError`` when it has none after ``within`` seconds.
        """
        outcome: list[_T | Failure] = []
        work.addBoth(outcome.append)
        if not self.run(within, lambda: bool(outcome)):
            raise TimeoutError(f"It has no result after {within:g} simulated seconds.")
        [result] = outcome
        if isinstance(result, Failure):
            result.raiseException()
        return result

    # Faults

    def partition(self, *islands: Iterable[Host]) -> None:
        """Let hosts of different islands not reach each other; the others are one more island."""
        self._islands = [frozenset(island) for island in islands]
        self.changed()

    def heal(self) -> None:
        """End a partition."""
        self._islands = []
        self.changed()

    # The end

    def close(self) -> None:
        """End all processes, and let go of everything that belonged to them.

        What they left undone is closed here, quietly: coroutines that were waiting
        when their process ended. Their clean-up runs, but it has neither disk nor
        network any more. A ``with`` statement does this at its end.
        """
        kept = [thing for host in self.hosts.values() for thing in host.close()]
        kept += self.timeline.clear()
        end_coroutines(kept, [self, *self.hosts.values()])
        self.timeline.clear()
        self.connections.clear()

    def __enter__(self) -> Network:
        return self

    def __exit__(self, *of_exception: object) -> None:
        self.close()

    # For hosts and connections

    def changed(self) -> None:
        """Other hosts can be reached than before."""
        for connection in list(self.connections):
            connection.examine()

    def reachable(self, one: Host, other: Host) -> bool:
        """Whether bytes get from one host to the other."""
        if one is other:
            return one.is_up
        within = one.behind is other.behind
        hosts = [one, other, *(h.behind for h in (one, other) if h.behind and not within)]
        return all(h.is_up for h in hosts) and len({self._island(h) for h in hosts}) == 1

    def latency(self, one: Host, other: Host) -> float:
        """Seconds from one host to the other."""
        if one is other:
            return 0.0
        return one.latency + other.latency + self.site_latency(one, other)

    def resolve(self, name: str) -> str | None:
        """The address of a host by its name; an address is its own name."""
        if is_loopback(name):
            return LOOPBACK
        if name in self.hosts:
            return self.hosts[name].address
        return name if isIPAddress(name) else None

    def target_of(
        self, address: str, port: int | str, asking: Host
    ) -> tuple[Host, int | str] | None:
        """The host that another one means by an address, and the port there.

        None where nobody ever answers, as behind a router that somebody else is behind.
        """
        if is_loopback(address):
            return asking, port
        host = self._by_address.get(address)
        if host is None or host.behind not in (None, asking, asking.behind):
            return None
        inside = host is asking.behind or host is asking
        forwarded = None if inside or isinstance(port, str) else host.forwarded(port)
        return forwarded or (host, port)

    def ends_of(self, host: Host) -> list[End]:
        """The ends of connections on a host that its system knows of."""
        ends = [end for c in self.connections for end in (c.client, c.server)]
        return [end for end in ends if end.host is host and not end.forgotten]

    def established(
        self, connection: Connection, port: SimulatedPort, address: str, number: int | str
    ) -> None:
        """A connection to that port stands, asked for at that address: tell its ends theirs."""
        client, server = connection.client, connection.server
        if isinstance(port.number, str):
            client.remote = server.local = UNIXAddress(port.number)
            client.local = server.remote = UNIXAddress(None)
        else:
            own, source = client.host is server.host, client.host.free_port()
            client.local = address_of(LOOPBACK if own else client.host.address, source)
            server.remote = address_of(client.host.address_to(server.host), source)
            client.remote = address_of(LOOPBACK if own else address, number)
            server.local = address_of(LOOPBACK if own else server.host.address, port.number)
        server.reactor = port.reactor
        server.accept = port.accept
        self.connections[connection] = None
        if port.reactor.is_dead:
            server.vanish()

    def closed(self, end: End) -> None:
        """One end of a connection is gone."""
        if end.connection.other(end).gone:
            self.connections.pop(end.connection, None)

    def _island(self, host: Host) -> int:
        for number, island in enumerate(self._islands):
            if host in island:
                return number
        return -1


def _no_distance(one: Host, other: Host) -> float:
    return 0.0
