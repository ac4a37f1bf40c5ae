"""The tracker's end of a peer's connection: parse, ask the directory, answer."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs import messages as m
from p2pfs.addresses import Address, is_wildcard, parse_address
from p2pfs.errors import InvalidAddress, P2pfsError, Refused
from p2pfs.keepalive import KeepAlive
from p2pfs.tracker.directory import Directory
from p2pfs.wire import MessageProtocol

_REPLY_ROOM = m.CONTROL_LINE_LIMIT - 64 * m.KIB
"""Bytes of a reply's line that its entries may take; the rest is for names and other fields."""


class TrackerProtocol(MessageProtocol):
    """One peer's connection. It is a holder of chunks once it has registered an address."""

    log = Logger()

    def __init__(self, factory: TrackerFactory) -> None:
        super().__init__(factory.reactor)
        self.tracker = factory
        self.address: str | None = None
        self.since = factory.reactor.seconds()

    def connectionMade(self) -> None:
        super().connectionMade()
        self.tracker.keep_alive.apply(self.transport)

    def message_received(self, message: m.Message, line: bytes) -> None:
        try:
            reply = self._answer(message)
        except P2pfsError as error:
            filename = getattr(message, "filename", None)
            reply = m.Error(m.type_of(type(message)), str(error), filename)
        if reply is not None:
            self.send(reply)

    def closing(self, reason: Failure) -> None:
        self.tracker.forget(self)

    def _answer(self, message: m.Message) -> m.Message | None:
        directory = self.tracker.directory
        match message:
            case m.RequestRegister():
                return m.ReplyRegister(self._register(message.address))
            case m.RequestPublish(filename, info):
                peer = self._registered()
                return self._result(filename, lambda: directory.publish(peer, filename, info))
            case m.RequestUnpublish(filename):
                peer = self._registered()
                return self._result(filename, lambda: directory.unpublish(peer, filename))
            case m.RequestChunkRegister(filename, chunknum, chunks, fileinfo):
                peer = self._registered()
                directory.add_chunks(peer, filename, fileinfo, chunknum, chunks)
                return None
            case m.RequestFileList(prefix, after):
                return m.ReplyFileList(*directory.list_page(prefix, after, _REPLY_ROOM))
            case m.RequestFileLocation(filename):
                holders = directory.locate(filename, _REPLY_ROOM, self.tracker.random)
                chunkinfo = {peer: chunks.to_bitfield() for peer, chunks in holders.items()}
                return m.ReplyFileLocation(filename, directory[filename].info, chunkinfo)
            case m.Error():
                # Nothing was asked of the peer, and answering errors with errors never ends.
                return None
            case _:
                raise Refused("A tracker does not answer this message; it goes to another peer.")

    def _registered(self) -> str:
        if self.address is None:
            raise Refused("Join with REQUEST_REGISTER first.")
        return self.address

    def _register(self, announced: str) -> str:
        if self.address is not None:
            raise Refused(f"This connection has joined already, as {self.address}.")
        address = parse_address(announced)
        seen = self.remote
        if is_wildcard(address.host):
            if seen is None:
                raise InvalidAddress("Over this connection the address needs a host.")
            address = Address(seen.host, address.port)
        trusted = seen is None or address.host == seen.host or self.tracker.allow_announced_host
        if not trusted:
            raise Refused(
                f"This host may not announce {address.host}; announce ':{address.port}', or have "
                "the tracker run with --allow-announced-host."
            )
        # What is recorded has to be readable to others: a scoped IPv6 host, for one, is not.
        parse_address(str(address))
        self.tracker.admit(self, str(address))
        return str(address)

    @staticmethod
    def _result(filename: str, change: Callable[[], None]) -> m.ReplyPublish:
        try:
            change()
        except P2pfsError as error:
            return m.ReplyPublish(filename, False, str(error))
        return m.ReplyPublish(filename, True)


class TrackerFactory(Factory):
    """What all connections of one tracker share: the directory, and who is connected."""

    log = Logger()
    noisy = False

    def __init__(
        self,
        reactor: IReactorTime,
        directory: Directory,
        random: Random,
        allow_announced_host: bool = False,
        keep_alive: KeepAlive | None = None,
    ) -> None:
        self.reactor = reactor
        self.directory = directory
        self.random = random
        self.allow_announced_host = allow_announced_host
        self.keep_alive = keep_alive or KeepAlive()
        self.connections: set[TrackerProtocol] = set()
        self.joined: dict[str, TrackerProtocol] = {}

    def buildProtocol(self, addr: IAddress | None) -> TrackerProtocol:
        connection = TrackerProtocol(self)
        self.connections.add(connection)
        return connection

    def admit(self, connection: TrackerProtocol, address: str) -> None:
        """Record a peer under its address.

        A peer that comes back before its old connection is known to be dead
        takes the old one's place: only one process can listen at an address.
        """
        earlier = self.joined.pop(address, None)
        if earlier is not None:
            self.directory.leave(address)
            earlier.address = None
            earlier.abort()
        connection.address = address
        self.joined[address] = connection
        self.directory.join(address)
        self.log.info("{address} joined", address=address)

    def forget(self, connection: TrackerProtocol) -> None:
        """Drop a connection that ended, and all that its peer held."""
        self.connections.discard(connection)
        if connection.address is not None:
            del self.joined[connection.address]
            self.directory.leave(connection.address)
            self.log.info("{address} left", address=connection.address)
            connection.address = None
