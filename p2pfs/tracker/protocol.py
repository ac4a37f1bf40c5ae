"""The tracker's end of a peer's connection: parse, ask the directory, answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs import messages as m
from p2pfs.addresses import Address, is_wildcard, parse_address
from p2pfs.errors import InvalidAddress, P2pfsError, Refused
from p2pfs.keepalive import KeepAlive
from p2pfs.notices import Notices
from p2pfs.reception import Reception
from p2pfs.tracker.crowds import Crowds, Outlook
from p2pfs.tracker.directory import Directory
from p2pfs.tracker.quotas import OverQuota, Quotas
from p2pfs.wire import MessageProtocol

_REPLY_ROOM = m.CONTROL_LINE_LIMIT - 64 * m.KIB
"""Bytes of a reply's line that its entries may take; the rest is for names and other fields."""

_ROUNDING = 0.001
"""Seconds by which a timer may seem early: a clock's rounding must not set it without end."""

_COMINGS = 20
"""Lines in the log that say who of a host joined and left, before it is only counted."""


class TrackerProtocol(MessageProtocol):
    """One peer's connection. It is a holder of chunks once it has registered an address."""

    log = Logger()
    # Requests are short, and thousands of connections share the memory.
    receive_size = 64 * m.KIB

    def __init__(self, factory: TrackerFactory, host: str) -> None:
        super().__init__(factory.reactor)
        self.tracker = factory
        self.host = host
        self.address: str | None = None
        self.since = factory.reactor.seconds()
        self._last_asked = self.since
        self._silence: IDelayedCall | None = None

    def connectionMade(self) -> None:
        super().connectionMade()
        self.tracker.keep_alive.apply(self.transport)
        self._watch(self.tracker.quotas.silence)

    def message_received(self, message: m.Message, line: bytes) -> None:
        self.tracker.admission.touch(self)
        if self.address is None:
            self._last_asked = self.reactor.seconds()
        answer = _ANSWERS.get(type(message), TrackerProtocol._misplaced)
        try:
            reply: m.Message | None = answer(self, message)
        except P2pfsError as error:
            self._note_refusal(error)
            filename = getattr(message, "filename", None)
            reply = m.Error(m.type_of(type(message)), str(error), filename)
        if reply is not None:
            self.send(reply)

    def undecodable_received(self, error: m.UndecodableMessage) -> None:
        # What it was is not repeated in the log: it is for the other side to choose.
        self._offended("sends lines that are no messages of the protocol.")
        super().undecodable_received(error)

    def refuse(self, error: m.Error) -> None:
        self._offended(error.message)
        super().refuse(error)

    def closing(self, reason: Failure) -> None:
        self._stop_watching()
        self.tracker.forget(self)

    # Requests

    def _register(self, message: m.RequestRegister) -> m.Message:
        address = self._admitted(message.address)
        self._stop_watching()
        return m.ReplyRegister(address)

    def _publish(self, message: m.RequestPublish) -> m.Message:
        peer, name = self._registered(), message.filename
        publish = self.tracker.directory.publish
        return self._result(name, lambda: publish(peer, name, message.fileinfo))

    def _unpublish(self, message: m.RequestUnpublish) -> m.Message:
        peer, name = self._registered(), message.filename
        self.tracker.crowds.gone(peer, [name], self.reactor.seconds())
        return self._result(name, lambda: self.tracker.directory.unpublish(peer, name))

    def _add_chunks(self, message: m.RequestChunkRegister) -> None:
        peer, name, directory = self._registered(), message.filename, self.tracker.directory
        directory.add_chunks(peer, name, message.fileinfo, message.chunknum, message.chunks)
        if name in directory and peer in directory[name].holders:
            now = self.reactor.seconds()
            self.tracker.crowds.told(peer, directory[name], message.up, message.down, now)

    def _list(self, message: m.RequestFileList) -> m.Message:
        directory = self.tracker.directory
        return m.ReplyFileList(*directory.list_page(message.prefix, message.after, _REPLY_ROOM))

    def _locate(self, message: m.RequestFileLocation) -> m.Message:
        name = message.filename
        directory, peer = self.tracker.directory, self.address
        found = directory.locate(name, _REPLY_ROOM, self.tracker.random)
        outlook: Outlook = None, None
        if peer is not None:
            outlook = self.tracker.crowds.asked(peer, directory[name], self.reactor.seconds())
        return m.ReplyFileLocation(name, found.info, found.chunkinfo, found.holders, *outlook)

    def _ignore(self, message: m.Error) -> None:
        """Nothing was asked of the peer, and answering errors with errors never ends."""

    def _misplaced(self, message: m.Message) -> None:
        raise Refused("A tracker does not answer this message; it goes to another peer.")

    # Inside

    def _watch(self, seconds: float) -> None:
        self._silence = self.reactor.callLater(seconds, self._check_silence)

    def _stop_watching(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _check_silence(self) -> None:
        """Close a connection that neither registered nor asked anything for long."""
        self._silence = None
        patience = self.tracker.quotas.silence
        left = self._last_asked + patience - self.reactor.seconds()
        if left > _ROUNDING:
            self._watch(left)
        else:
            text = f"Nothing was asked for {patience:g} s, and no peer has joined; connect again."
            self.refuse(m.Error(None, text))

    def _offended(self, what: str) -> None:
        self.tracker.offences.note(self.host, what)

    def _note_refusal(self, error: P2pfsError) -> None:
        if isinstance(error, OverQuota):
            self._offended(f"was told: {error}")

    def _registered(self) -> str:
        if self.address is None:
            raise Refused("Join with REQUEST_REGISTER first.")
        return self.address

    def _admitted(self, announced: str) -> str:
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

    def _result(self, filename: str, change: Callable[[], None]) -> m.ReplyPublish:
        try:
            change()
        except P2pfsError as error:
            self._note_refusal(error)
            return m.ReplyPublish(filename, False, str(error))
        return m.ReplyPublish(filename, True)


_ANSWERS: Mapping[type[m.Message], Callable[[TrackerProtocol, Any], m.Message | None]] = {
    m.RequestRegister: TrackerProtocol._register,
    m.RequestPublish: TrackerProtocol._publish,
    m.RequestUnpublish: TrackerProtocol._unpublish,
    m.RequestChunkRegister: TrackerProtocol._add_chunks,
    m.RequestFileList: TrackerProtocol._list,
    m.RequestFileLocation: TrackerProtocol._locate,
    m.Error: TrackerProtocol._ignore,
}


class TrackerFactory(Reception[TrackerProtocol]):
    """What all connections of one tracker share: the directory, and who is connected."""

    log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        directory: Directory,
        random: Random,
        allow_announced_host: bool = False,
        keep_alive: KeepAlive | None = None,
        quotas: Quotas | None = None,
    ) -> None:
        """``random`` chooses which holders are named when there are many."""
        self.reactor = reactor
        self.directory = directory
        self.crowds = Crowds()
        self.random = random
        self.allow_announced_host = allow_announced_host
        self.keep_alive = keep_alive or KeepAlive()
        self.quotas = quotas or Quotas()
        super().__init__(reactor, self.quotas.connections)
        self.joined: dict[str, TrackerProtocol] = {}
        self.comings = Notices(reactor, self.log.info, _COMINGS)

    def receive(self, host: str) -> TrackerProtocol:
        return TrackerProtocol(self, host)

    def admit(self, connection: TrackerProtocol, address: str) -> None:
        """Record a peer under its address.

        A peer that comes back before its old connection is known to be dead
        takes the old one's place: only one process can listen at an address.
        """
        earlier = self.joined.pop(address, None)
        if earlier is not None:
            self._leave(address)
            earlier.address = None
            earlier.abort()
        connection.address = address
        self.joined[address] = connection
        self.admission.settle(connection)
        self.directory.join(address, connection.host)
        self.comings.note(connection.host, f"{address} joined.")

    def forget(self, connection: TrackerProtocol) -> None:
        """Drop a connection that ended, and all that its peer held."""
        super().forget(connection)
        if connection.address is not None:
            del self.joined[connection.address]
            self._leave(connection.address)
            self.comings.note(connection.host, f"{connection.address} left.")
            connection.address = None

    def _leave(self, address: str) -> None:
        self.crowds.gone(address, self.directory.names_of(address), self.reactor.seconds())
        self.directory.leave(address)
