"""A downloader's connection to a source that answers anything, in any pieces, at any time.

Steps: ``f.n`` asks for chunk n, ``h.`` for the hash list, ``p.`` pings, ``w.n``
wants n chunks in turn, ``v.`` none, ``x.n`` cancels request n, ``>.…`` the source
sends the rest, ``!.`` it hangs up, ``c.`` the downloader does, ``/.n`` has bytes
arrive n at a time, ``+.n`` is n seconds, ``%.n`` limits the download to n KiB a
second, ``-.``, ``_.`` and ``=.`` stop the disk, let it do one job, and let it work
again.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from p2pfs.addresses import Address
from p2pfs.chunks import ChunkSet, HashList, parse_digest
from p2pfs.errors import MalformedMessage
from p2pfs.peer.payloads import ChunkSink
from p2pfs.peer.rates import RateLimit
from p2pfs.peer.settings import Patience
from p2pfs.peer.sources import Answer, Incoming, SourceConnection
from p2pfs.peer.storage import Disk, PartFile
from p2pfs.testing.inline import InlineReactor
from p2pfs.wire import messages as m
from tests.fuzz.content import HASHES, INFO
from tests.fuzz.faults import check, no_logged_failures
from tests.fuzz.promises import MOST_TEXT, Promises
from tests.fuzz.script import Step, steps
from tests.fuzz.stage import connect, peer_at
from tests.memory_transport import settle

LINE_LIMIT = 1500
"""Bytes of a line, so few that short scripts can reach the limit."""

SHORT_LINE = 256
"""Bytes of a line beyond which a chunk in base64 is taken as it comes."""

PATIENCE = Patience(silence=10.0, least_rate=0)
MAX_REQUESTS = 100


def run(data: bytes) -> None:
    """Play a script with a downloader."""
    fd = os.memfd_create("part")
    try:
        with no_logged_failures():
            scene = _Scene(fd)
            for step in steps(data):
                scene.play(step)
            scene.end()
    finally:
        os.close(fd)


class _Source(SourceConnection):
    """Keeps the reply that was read last, for `_Scene` to look at."""

    short_line = SHORT_LINE
    reply: m.PeerReplyChunk | None = None

    def message_received(self, message: m.Message, line: bytes) -> None:
        if isinstance(message, m.PeerReplyChunk):
            self.reply = message
        super().message_received(message, line)


class _CountedSink(ChunkSink):
    """A sink that never takes more than there is room for."""

    def __init__(self, clock: InlineReactor, part: PartFile, chunknum: int, job_size: int) -> None:
        super().__init__(
            clock, part, INFO.offset(chunknum), INFO.length(chunknum), INFO.hasher(), job_size
        )
        self.chunknum = chunknum
        self.taken = 0
        self.seen = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self.taken += len(data)
        self.seen.update(data)
        check(self.taken <= self.length, "a sink never gets more than its chunk's length")
        super().write(data)


class _Scene:
    def __init__(self, fd: int) -> None:
        self.clock = InlineReactor()
        self.fd = fd
        self.part = PartFile(Disk(), Path("memory"), INFO.filesize, fd)
        self.asked: Counter[int] = Counter()
        self.limit = RateLimit()
        address = Address("192.0.2.9", 6881)
        self.source = _Source(self.clock, address, PATIENCE, Incoming(self.limit))
        self.source.MAX_LENGTH = LINE_LIMIT
        self.connection = connect(self.source, self.clock, peer_at(address.host))
        self.promises = Promises()
        self.wanted: int | None = None

    def play(self, step: Step) -> None:
        """One step, and all that follows from it."""
        match step.what:
            case ">":
                self.connection.deliver(step.rest)
            case "f" | "h" | "p" if self.promises.made < MAX_REQUESTS:
                self._ask(step)
            case "w":
                self._want(step.number(INFO.totalchunknum))
            case "v":
                self.wanted = None
                self.source.want_nothing("f", INFO)
            case "x":
                self.promises.cancel(step.number(MAX_REQUESTS))
            case "!":
                self.connection.hang_up()
            case "c":
                self.source.hang_up()
            case "/":
                self.connection.segment = step.number(4096) or 1
            case "+":
                self.clock.advance(step.number(600))
            case "%":
                self.limit.rate = step.number(64) * 1024 or None
            case "-":
                self.clock.held = True
            case "_":
                self.clock.run_job()
            case "=":
                self.clock.release()
        settle(self.clock, [self.connection])

    def end(self) -> None:
        """Close the connection: every request has an end, and nothing is left."""
        self.clock.release()
        settle(self.clock, [self.connection])
        self.connection.hang_up()
        self.promises.check_kept()
        check(not self.clock.getDelayedCalls(), "no timers are left")
        self.promises.check_sent(self.connection.take())

    def _want(self, count: int) -> None:
        self.wanted = count
        chunks = ChunkSet.of(INFO.totalchunknum, range(count))
        self.source.want("f", INFO, chunks, 2, self._offered, self._refused)

    def _offered(self, chunknum: int, spare: bool) -> Answer:
        check(self.source.takes_turns, "only who has said that it takes turns makes offers")
        check(self.wanted is not None, "there are no offers of what is not wanted")
        if not 0 <= chunknum < (self.wanted or 0) or self.promises.made >= MAX_REQUESTS:
            return Answer.DECLINED
        if chunknum % 3 == 2 and not spare:
            return Answer.BUSY
        self._fetch(chunknum, 1024)
        return Answer.TAKEN

    def _refused(self, error: str) -> None:
        check(self.wanted is not None, "only what is wanted is refused")
        check(len(error) <= MOST_TEXT, "a refusal has a text of bounded length")
        self.wanted = None

    def _ask(self, step: Step) -> None:
        if step.what == "h":
            self.promises.add(self.source.fetch_hash_list("f", INFO).addCallback(_check_hash_list))
        elif step.what == "p":
            self.promises.add(self.source.ping().addCallback(_check_round_trip))
        else:
            self._fetch(step.number(INFO.totalchunknum - 1), max(1, step.whom * 4))

    def _fetch(self, chunknum: int, job_size: int) -> None:
        sink = _CountedSink(self.clock, self.part, chunknum, job_size)
        self.asked[chunknum] += 1
        fetched = self.source.fetch("f", INFO, chunknum, sink)
        self.promises.add(fetched.addCallback(self._fetched, sink))

    def _fetched(self, claimed: bytes | None, sink: _CountedSink) -> Deferred[Any]:
        reply = self.source.reply
        check(reply is not None, "a chunk comes with a reply")
        assert reply is not None
        check((reply.filename, reply.chunknum) == ("f", sink.chunknum), "it is the chunk asked for")
        digest = None if reply.digest is None else parse_digest(reply.digest)
        check(digest == claimed, "the digest is what the sender claims")
        check(reply.data is None or digest is not None, "a chunk in base64 has its digest")
        # Of a long line, the data is empty when it is read as a message.
        length = (reply.length if reply.data is None else _length(reply.data)) or sink.taken
        check(length == sink.length, "a reply of another length than the chunk's is refused")
        check(reply.data is None or reply.length is None, "a chunk comes in one form")
        check(sink.taken == sink.length, "a chunk that is there is there as a whole")
        return sink.finish().addCallback(self._finished, sink)

    def _finished(self, digest: bytes, sink: _CountedSink) -> None:
        check(digest == sink.seen.digest(), "the digest is of what came")
        if self.asked[sink.chunknum] == 1:  # else the others may have written there since
            written = os.pread(self.fd, sink.length, INFO.offset(sink.chunknum))
            check(hashlib.sha256(written).digest() == digest, "what came is where it belongs")


def _check_hash_list(hashes: HashList) -> None:
    check(bytes(hashes) == bytes(HASHES), "a hash list has the root that was asked for")


def _check_round_trip(seconds: float) -> None:
    check(seconds >= 0, "a round trip takes time")


def _length(text: str) -> int | None:
    try:
        return len(m.decode_chunk(text))
    except MalformedMessage:
        return None
