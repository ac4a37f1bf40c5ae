"""The tracker's end of a peer's connection: parse, ask the directory, answer."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.addresses import parse_address
from p2pfs.errors import P2pfsError, Refused
from p2pfs.identity import NONCE_SIZE, fingerprint, is_proof
from p2pfs.membership import Member
from p2pfs.reactor import Reactor
from p2pfs.secure import Door, PrivateSwarm, door_of, member_of
from p2pfs.tracker.announced_address import recorded, recorded_inner
from p2pfs.tracker.calls import Calls
from p2pfs.tracker.crowds import Crowds, Yardstick
from p2pfs.tracker.directory import Directory, Displaced
from p2pfs.tracker.listed_file import ListedFile
from p2pfs.tracker.membership import Membership
from p2pfs.tracker.peers import Peer, Peers
from p2pfs.tracker.probing import Prober
from p2pfs.tracker.quotas import OverQuota, Quotas
from p2pfs.tracker.vouchers import Vouchers
from p2pfs.tracker.ways import ways_to
from p2pfs.wire import KeepAlive, MessageProtocol, Notices, Reception
from p2pfs.wire import messages as m

_REPLY_ROOM = m.CONTROL_LINE_LIMIT - 64 * m.KIB
"""Bytes of a reply's line that its entries may take; the rest is for names and other fields."""

_ROUNDING = 0.001
"""Seconds by which a timer may seem early: a clock's rounding must not set it without end."""

_DISPLACED = (
    "Another content has that name now, since nobody here could complete this one; what is left "
    "of it is listed again when there is more of it and the name is free."
)
"""What those hear that held some of a content whose name went to another."""

_NEWER = (
    "Who may say what that name means has another content under it by now; download that one. "
    "This one is offered no more."
)
"""The same, when that was by the word of the name's owner."""

_REVOKED = (
    "The certificate of who signed this is revoked; it is listed again once another publisher has "
    "published the same content."
)
"""What those hear that held some of a content which nobody vouches for any more."""

_REPLACED = (
    "Another connection has joined with the key of this peer; if this is not the same peer come "
    "back, its state directory was copied: remove the file peer_key in the copy, and start it anew."
)

_COMINGS = 20
"""Lines in the log that say who of a host joined and left, before it is only counted."""


class TrackerProtocol(MessageProtocol):
    """One peer's connection. It is a holder of chunks once it has registered an address."""

    log = Logger()
    # Requests are short, and thousands of connections share the memory; as much may also
    # wait to be sent on each before it is accounted to its host.
    receive_size = 16 * m.KIB
    # Up to 30 attributes that are no slots, all connections share one table of their names;
    # with more, each has its own, which takes 1.3 KiB.
    __slots__ = ("_last_asked", "_nonce", "_silence", "member", "peer", "since", "tracker")

    def __init__(self, factory: TrackerFactory, host: str) -> None:
        super().__init__(factory.reactor, host, factory.handling, factory.budget)
        self.tracker = factory
        self.member: Member | None = None
        """Who it is by its certificate; None in an open swarm."""
        self.peer: Peer | None = None
        self._nonce: bytes | None = None
        self.since = factory.wall_clock()
        """The time of day when it connected, for people."""
        self._last_asked = factory.reactor.seconds()
        self._silence: IDelayedCall | None = None

    def connectionMade(self) -> None:
        super().connectionMade()
        self.member = member_of(self.transport)
        self.tracker.keep_alive.apply(self.transport)
        self._watch(self.tracker.quotas.silence)

    def message_received(self, message: m.Message, line: bytes) -> None:
        answer = _ANSWERS.get(type(message), TrackerProtocol._misplaced)
        try:
            reply: m.Message | None = answer(self, message)
        except P2pfsError as error:
            self._note_refusal(error)
            filename = getattr(message, "filename", None)
            reply = m.Error(m.type_of(type(message)), str(error), filename)
        else:
            if not isinstance(message, m.Error):
                # What is refused, or not asked of a tracker, keeps nobody's place.
                self._last_asked = self.reactor.seconds()
                self.tracker.admission.touch(self, self._last_asked)
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
        if self.peer is not None:
            raise Refused(f"This connection has joined already, as {self.peer.address}.")
        membership = self.tracker.membership
        if membership is not None and self.member is not None:
            membership.check_key(self.member, message.key)
        may_be_elsewhere = self.tracker.allow_announced_host
        address = recorded(message.address, self.remote, may_be_elsewhere)
        peer = Peer(str(address), self.host)
        if message.key is not None:
            if message.proof is None:
                self._nonce = self.tracker.entropy(NONCE_SIZE)
                return m.ReplyChallenge(self._nonce)
            self._check_proof(message.key, message.proof, message.address)
            peer.fingerprint = fingerprint(message.key)
            peer.inner = recorded_inner(message.inner, peer.address)
        self.tracker.admit(self, peer)
        self._stop_watching()
        if peer.fingerprint and self._is_here(peer.address):
            # Where another host was announced, whoever runs the tracker answers for that.
            self.tracker.prober.look(peer)
        news = None if membership is None else membership.news_for(message.revocations)
        if news is not None:
            self.send(news)
        return m.ReplyRegister(peer.address, round(self.tracker.wall_clock(), 3))

    def _renew(self, message: m.RequestRenew) -> None:
        if self.member is None or self.tracker.membership is None:
            raise Refused("In an open swarm there are no certificates.")
        self.tracker.membership.renew(self, self.member)

    def _reached(self, message: m.RequestReached) -> None:
        if self.peer is not None:
            self.tracker.prober.reached(self.peer, message.token)

    def _probe(self, message: m.RequestProbe) -> None:
        if self.peer is None:
            raise Refused("Join with REQUEST_REGISTER first.")
        self.tracker.prober.look_now(self.peer)

    def _call_back(self, message: m.RequestCallBack) -> m.Message:
        if self.peer is None:
            raise Refused("Join with REQUEST_REGISTER first.")
        now = self.reactor.seconds()
        callee = self.tracker.calls.callee(self.peer, message.peer, message.token, now)
        notice = m.NoticeCallBack(self.peer.address, message.token)
        self.tracker.joined[callee.name].send(notice)
        return m.ReplyCallBack(message.peer)

    def _publish(self, message: m.RequestPublish) -> m.Message:
        peer, name = self._registered(), message.filename
        publish, now = self.tracker.directory.publish, self.reactor.seconds()

        def change() -> None:
            self._tell(name, publish(peer, name, message.fileinfo, now, message.signature))

        return self._result(name, change)

    def _unpublish(self, message: m.RequestUnpublish) -> m.Message:
        peer, name = self._registered(), message.filename
        self.tracker.crowds.gone(peer, [name], self.reactor.seconds())
        return self._result(name, lambda: self.tracker.directory.unpublish(peer, name))

    def _add_chunks(self, message: m.RequestChunkRegister) -> None:
        peer, name, directory = self._registered(), message.filename, self.tracker.directory
        info, now = message.fileinfo, self.reactor.seconds()
        displaced = directory.add_chunks(
            peer, name, info, message.chunknum, message.chunks, now, message.signature
        )
        self._tell(name, displaced)
        if name in directory and peer in directory[name].holders:
            self.tracker.crowds.told(peer, directory[name], message.up, message.down, now)
            self._vouch(directory[name], message.sources[: m.MOST_SOURCES])

    def _tell(self, name: str, displaced: Displaced) -> None:
        """Have those know whose content has lost its name."""
        self.tracker.tell_holders(
            name, displaced.holders, _NEWER if displaced.by_owner else _DISPLACED
        )

    def _vouch(self, listed: ListedFile, sources: Iterable[str]) -> None:
        """Note from whom this peer had chunks of a file, of those that hold some of it."""
        for address in sources:
            source = self.tracker.peers.known_as(address)
            if source is not None and source.host != self.host and source.name in listed.holders:
                self.tracker.vouchers.vouch(self.host, source.name)

    def _list(self, message: m.RequestFileList) -> m.Message:
        prefix, after, room = message.prefix, message.after, self._reply_room()
        page, more = self.tracker.directory.list_page(prefix, after, room)
        now = self.reactor.seconds()
        ages = [max(0, int(now - listed.since)) for listed in page.values()]
        return m.ReplyFileList({name: listed.info for name, listed in page.items()}, more, ages)

    def _locate(self, message: m.RequestFileLocation) -> m.Message:
        name = message.filename
        directory, peer = self.tracker.directory, self.peer
        found = directory.locate(name, self._reply_room(), self.tracker.random)
        yardstick: Yardstick = None, None
        if peer is not None:
            now = self.reactor.seconds()
            yardstick = self.tracker.crowds.asked(peer.name, directory[name], now)
        tracker = self.tracker
        ways = ways_to(
            found.chunkinfo, tracker.peers, tracker.vouchers, self.host, peer, self._name_of
        )
        return m.ReplyFileLocation(
            name,
            found.info,
            ways.chunkinfo,
            found.holders,
            *yardstick,
            ways.waiting,
            ways.proven,
            ways.members,
            found.signature,
        )

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

    def _reply_room(self) -> int:
        """Bytes that the entries of a reply may take: there is room for the longest of them."""
        return min(_REPLY_ROOM, self.tracker.budget.room(self.host))

    def _offended(self, what: str) -> None:
        self.tracker.offences.note(self.host, what)

    def _note_refusal(self, error: P2pfsError) -> None:
        if isinstance(error, OverQuota):
            self._offended(f"was told: {error}")

    def _registered(self) -> str:
        """The name of this peer in the directory; raises `Refused` when it has none."""
        if self.peer is None:
            raise Refused("Join with REQUEST_REGISTER first.")
        return self.peer.name

    def _is_here(self, address: str) -> bool:
        """Whether an address is at the host that this connection comes from."""
        return self.remote is not None and parse_address(address).host == self.remote.host

    def _check_proof(self, key: bytes, proof: bytes, address: str) -> None:
        nonce, self._nonce = self._nonce, None
        if nonce is None or not is_proof(proof, nonce, address, key):
            self._offended("registered with a key and did not prove that it has it.")
            raise Refused(
                "That does not prove that the key is yours; send the key without a proof, and "
                "sign the answer."
            )

    def _name_of(self, peer: str) -> str | None:
        """Which member of a private swarm a peer is."""
        member = self.tracker.joined[peer].member
        return None if member is None else member.name

    def _result(self, filename: str, change: Callable[[], None]) -> m.ReplyPublish:
        try:
            change()
        except P2pfsError as error:
            self._note_refusal(error)
            return m.ReplyPublish(filename, False, str(error))
        return m.ReplyPublish(filename, True)


_ANSWERS: Mapping[type[m.Message], Callable[[TrackerProtocol, Any], m.Message | None]] = {
    m.RequestRegister: TrackerProtocol._register,
    m.RequestRenew: TrackerProtocol._renew,
    m.RequestPublish: TrackerProtocol._publish,
    m.RequestUnpublish: TrackerProtocol._unpublish,
    m.RequestChunkRegister: TrackerProtocol._add_chunks,
    m.RequestFileList: TrackerProtocol._list,
    m.RequestFileLocation: TrackerProtocol._locate,
    m.RequestReached: TrackerProtocol._reached,
    m.RequestProbe: TrackerProtocol._probe,
    m.RequestCallBack: TrackerProtocol._call_back,
    m.Error: TrackerProtocol._ignore,
}


class TrackerFactory(Reception[TrackerProtocol]):
    """What all connections of one tracker share: the directory, and who is connected."""

    log = Logger()

    def __init__(
        self,
        reactor: Reactor,
        directory: Directory,
        random: Random,
        allow_announced_host: bool = False,
        keep_alive: KeepAlive | None = None,
        quotas: Quotas | None = None,
        entropy: Callable[[int], bytes] = os.urandom,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """``random`` chooses which holders are named when there are many.

        ``entropy`` makes that many bytes that nobody can foresee. ``wall_clock`` tells the time
        of day, in seconds since 1970, which is only shown: time-outs go by ``reactor``.
        """
        self.reactor = reactor
        self.directory = directory
        self.entropy = entropy
        self.wall_clock = wall_clock
        self.peers = Peers()
        self.calls = Calls(self.peers)
        self.prober = Prober(reactor, entropy, self._probed, lambda: self.door)
        self.crowds = Crowds()
        self.vouchers = Vouchers()
        self.random = random
        self.allow_announced_host = allow_announced_host
        self.keep_alive = keep_alive or KeepAlive()
        self.quotas = quotas or Quotas()
        super().__init__(reactor, self.quotas.connections)
        self.joined: dict[str, TrackerProtocol] = {}
        self.membership: Membership | None = None
        """What a private swarm is to its connections; None in an open one."""
        self.comings = Notices(reactor, self.log.info, _COMINGS)

    @property
    def swarm(self) -> PrivateSwarm | None:
        """The private swarm; None in an open one."""
        return None if self.membership is None else self.membership.swarm

    @property
    def door(self) -> Door:
        """Through which peers are reached."""
        return door_of(self.swarm)

    def receive(self, host: str) -> TrackerProtocol:
        return TrackerProtocol(self, host)

    def admit(self, connection: TrackerProtocol, peer: Peer) -> None:
        """Record a peer.

        A peer that comes back before its old connection is known to be dead takes the old
        one's place. Others may have the same address: a router's, that is in front of them.
        """
        earlier = self.peers.earlier(peer)
        if earlier is not None:
            replaced = self.joined[earlier.name]
            self._leave(replaced)
            if peer.fingerprint:
                # It may have been copied with its key, and its user wonders why it is thrown out.
                replaced.send(m.Error(None, _REPLACED))
                replaced.close()
            else:
                replaced.abort()
        self.peers.add(peer)
        connection.peer = peer
        self.joined[peer.name] = connection
        self.admission.settle(connection)
        identity = peer.fingerprint or peer.name
        self.directory.join(peer.name, connection.host, identity)
        self.comings.note(connection.host, f"{peer.name} joined.")

    def tell_all(self, message: m.Message) -> None:
        """Send it on all connections."""
        for connection in list(self.connections):
            connection.send(message)

    def members_here(self, now: float) -> list[tuple[str, str, float]]:
        """The members that are connected: name, address, and that time."""
        found = []
        for connection in self.connections:
            if connection.member is not None:
                joined, remote = connection.peer, connection.remote
                address = joined.address if joined else str(remote or connection.host)
                found.append((connection.member.name, address, now))
        return found

    def forget(self, connection: TrackerProtocol) -> None:
        """Drop a connection that ended, and all that its peer held."""
        super().forget(connection)
        if connection.peer is not None:
            name = connection.peer.name
            self._leave(connection)
            self.comings.note(connection.host, f"{name} left.")

    def drop_revoked(self) -> None:
        """List no more what is signed by who was revoked, and tell those who held some of it."""
        for name, holders in self.directory.drop_void().items():
            self.tell_holders(name, holders, _REVOKED)

    def tell_holders(self, name: str, holders: Iterable[str], reason: str) -> None:
        """Say to these peers why what they held under a name is not listed any more."""
        for holder in holders:
            told = m.Error(m.type_of(m.RequestChunkRegister), reason, name)
            self.joined[holder].send(told)

    def _leave(self, connection: TrackerProtocol) -> None:
        peer, connection.peer = connection.peer, None
        assert peer is not None
        del self.joined[peer.name]
        names, now = self.directory.names_of(peer.name), self.reactor.seconds()
        self.crowds.gone(peer.name, names, now)
        self.directory.leave(peer.name, now)
        self.peers.remove(peer)
        self.vouchers.forget(peer.name)
        self.prober.forget(peer)

    def _probed(self, address: str, found: Peer | None, asking: Iterable[Peer]) -> None:
        """It was tried who can be reached at an address."""
        for peer in self.peers.tried(address, found, asking):
            self.joined[peer.name].send(m.NoticeReachable(peer is found))
