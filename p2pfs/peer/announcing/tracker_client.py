"""The peer's end of a connection to a tracker: requests, and what is made of the replies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias, cast

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime, ITransport
from twisted.python.failure import Failure

from p2pfs.addresses import parse_address
from p2pfs.chunks import ChunkSet, FileInfo
from p2pfs.errors import InvalidAddress, P2pfsError, Refused, TrackerUnavailable
from p2pfs.peer.announcing.introduction import Introduction
from p2pfs.waiters import Waiters
from p2pfs.wire import LEAST_RATE, KeepAlive, Pending, RequestProtocol, said
from p2pfs.wire import messages as m

Notice: TypeAlias = m.NoticeReachable | m.NoticeCallBack | m.NoticeRevocations
"""What a tracker says without having been asked, to a peer that has a key."""

PROBE_SECONDS = 15.0
"""Seconds in which the tracker has to say whether it could reach this peer, when asked to try."""

_REGISTERING = m.type_of(m.RequestChunkRegister)
_PROBING = m.type_of(m.RequestProbe)
_WITHOUT_REPLY = {_REGISTERING, m.type_of(m.RequestReached)}


class TrackerClient(RequestProtocol):
    """One connection to a tracker. Requests fail with `Refused` or `TrackerUnavailable`."""

    def __init__(
        self,
        reactor: IReactorTime,
        tracker: str,
        silence_timeout: float,
        keep_alive: KeepAlive,
        connected: Callable[[TrackerClient], None],
        noticed: Callable[[Notice | m.Error], None] = lambda notice: None,
    ) -> None:
        """``tracker`` is how errors name it; ``silence_timeout`` is in seconds.

        ``noticed`` is told what the tracker says by itself, and which chunks it will not register.
        """
        super().__init__(reactor, silence_timeout, LEAST_RATE)
        self._tracker = tracker
        self._keep_alive = keep_alive
        self._connected = connected
        self._noticed = noticed
        self.farewell = ""
        """What the tracker said before it closed the connection, if anything."""
        self.time_at_joining: float | None = None
        """What its clock showed when it was joined, in seconds since 1970; None if not known."""
        self._introduced_at = 0.0
        self._awaiting_probe: Waiters[bool] = Waiters()
        self._to_prove: Callable[[bytes], m.RequestRegister] | None = None

    def connectionMade(self) -> None:
        super().connectionMade()
        self._keep_alive.apply(self.transport)
        self._connected(self)

    def connection_error(self, reason: str) -> P2pfsError:
        return TrackerUnavailable(
            f"The tracker at {self._tracker} does not answer ({reason}); 'status' shows when it "
            "is back, 'connect' joins another."
        )

    def reply_received(self, pending: Pending, reply: m.Message) -> None:
        if getattr(reply, "filename", None) == getattr(pending.request, "filename", None):
            super().reply_received(pending, reply)
        else:
            # From here on it would be anybody's guess which reply is whose.
            reason = "it answered about another file than was asked for"
            pending.fail(self.connection_error(reason))
            self.give_up(reason)

    def register(self, introduction: Introduction) -> Deferred[str]:
        """Join the network; fires with the address as recorded."""
        inner = introduction.inner(cast(ITransport, self.transport).getHost())
        request = m.RequestRegister(
            introduction.address,
            introduction.key.public,
            inner=inner,
            revocations=introduction.revocations(),
        )
        self._to_prove = partial(introduction.prove, request)
        self._introduced_at = self.reactor.seconds()
        return self.ask(request, m.ReplyRegister).addCallback(self._recorded)

    def message_received(self, message: m.Message, line: bytes) -> None:
        match message:
            case m.ReplyChallenge(nonce) if self._to_prove is not None:
                self.send(self._to_prove(nonce))
                self._to_prove = None  # it is asked once
                self._introduced_at = self.reactor.seconds()
            case m.NoticeReachable() | m.NoticeCallBack() | m.NoticeRevocations():
                self._noticed(message)
                if isinstance(message, m.NoticeReachable):
                    self._awaiting_probe.fire(message.reachable)
            case _:
                super().message_received(message, line)

    def _recorded(self, reply: m.ReplyRegister) -> str:
        shown = m.plausible_wall_clock(reply.wall_clock)
        if shown is not None:
            # It was so when the answer was sent: about half a round trip ago.
            self.time_at_joining = shown + (self.reactor.seconds() - self._introduced_at) / 2
        try:
            return str(parse_address(reply.address))
        except InvalidAddress:
            reason = "it recorded what is no address"
            self.give_up(reason)
            raise self.connection_error(reason) from None

    def publish(self, filename: str, info: FileInfo) -> Deferred[None]:
        """Offer a whole file; fails with `Refused` when the tracker will not list it."""
        reply = self.ask(m.RequestPublish(filename, info), m.ReplyPublish)
        return reply.addCallback(_check_result)

    def unpublish(self, filename: str) -> Deferred[None]:
        """Hold nothing of a file any more."""
        return self.ask(m.RequestUnpublish(filename), m.ReplyPublish).addCallback(_check_result)

    def register_chunks(
        self,
        filename: str,
        info: FileInfo,
        chunks: ChunkSet,
        up: int | None = None,
        down: int | None = None,
        sources: Sequence[str] = (),
    ) -> None:
        """Hold these chunks, beside what was held, with a line that fast. There is no reply.

        ``sources`` are addresses from which chunks came.
        """
        bitfield = chunks.to_bitfield()
        self.send(m.RequestChunkRegister(filename, None, bitfield, info, up, down, list(sources)))

    def tell_rate(self, filename: str, info: FileInfo, chunknum: int, up: int) -> None:
        """Say how fast this peer sends a file, of which it holds that chunk."""
        self.send(m.RequestChunkRegister(filename, chunknum, fileinfo=info, up=up))

    def tell_reached(self, token: str) -> None:
        """Say that somebody pinged this peer with that token: it may have been the tracker."""
        self.send(m.RequestReached(token))

    def probe(self) -> Deferred[bool]:
        """Have the tracker try whether this peer can be reached; fires with what comes of it.

        It may take its time, as others have their turns. Fails with `Refused` when the tracker
        does not know how to, or was asked too often, and with `TrackerUnavailable`, also when
        nothing is heard for too long.
        """
        if self.closed:
            return fail(self.connection_error("the connection was closed"))
        # What has a notice for its answer is not waited for like a reply: that may be long.
        tried = self._awaiting_probe.wait()
        self.send(m.RequestProbe())
        return tried.addTimeout(PROBE_SECONDS, self.reactor, _not_tried)

    def closing(self, reason: Failure) -> None:
        super().closing(reason)
        self._awaiting_probe.fail(self.connection_error("it closed the connection"))

    async def renew(self) -> list[bytes]:
        """The next certificate of this member, and those above it (DER); raises `Refused`."""
        reply = await self.ask(m.RequestRenew(), m.ReplyRenew)
        return reply.chain

    async def call_back(self, peer: str, token: str) -> None:
        """Have a peer told to connect to this one, with that token.

        Raises `Refused` when the tracker will not.
        """
        await self.ask(m.RequestCallBack(peer, token), m.ReplyCallBack)

    def locate(self, filename: str) -> Deferred[m.ReplyFileLocation]:
        """Who holds which chunks of a file; fails with `Refused` when nobody offers it."""
        return self.ask(m.RequestFileLocation(filename), m.ReplyFileLocation)

    def list_page(self, prefix: str, after: str) -> Deferred[m.ReplyFileList]:
        """The first files whose names begin with ``prefix`` and sort behind ``after``."""
        return self.ask(m.RequestFileList(prefix, after), m.ReplyFileList)

    def _error_received(self, error: m.Error) -> None:
        if error.request is None:
            self.farewell = said(error.message)
        # Requests without a reply may be answered with an error all the same.
        if error.request == _REGISTERING and error.filename is not None:
            self._noticed(error)
        elif error.request == _PROBING:
            self._awaiting_probe.fail(Refused(said(error.message)))
        elif error.request not in _WITHOUT_REPLY:
            super()._error_received(error)


def _not_tried(outcome: object, seconds: float) -> Failure:
    """The tracker was asked to try whether it reaches this peer, and says nothing."""
    return Failure(
        TrackerUnavailable(
            f"The tracker did not say within {seconds:g} s whether it can reach this peer; it may "
            "be busy with others, try again later."
        )
    )


def _check_result(reply: m.ReplyPublish) -> None:
    if not reply.result:
        raise Refused(said(reply.message) or "The tracker refused without a reason.")
