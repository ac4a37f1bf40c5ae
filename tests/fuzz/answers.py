"""A second opinion on framing and order: what may come back for what was sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from p2pfs.wire import messages as m
from p2pfs.wire.protocol import MESSAGE_TIMEOUT
from tests.fuzz.faults import Fault, check

Replies: TypeAlias = Mapping[type[m.Message], tuple[type[m.Message], ...]]
"""What may answer each request."""


class Conversation:
    """Watches what goes to one connection of an answering protocol, and what comes back.

    It knows lines and their order, independently of `p2pfs.wire.protocol`.
    """

    def __init__(
        self,
        replies: Replies,
        silent: tuple[type[m.Message], ...],
        line_limit: int,
    ) -> None:
        """``replies`` has what answers each request, ``silent`` what may stay without one."""
        self._replies = replies
        self._silent = silent
        self._line_limit = line_limit
        self._asked: list[tuple[bytes, m.Message | None]] = []
        # How many of them may be done with. What may be silent leaves more than one possibility.
        self._places = {0}
        self._line = bytearray()
        self._answers = bytearray()
        self._begun = 0.0
        self._too_long = False
        self._late = False

    def said(self, data: bytes, now: float) -> None:
        """Note what was sent to the protocol."""
        for piece in _lines(data):
            if not self._line:
                self._begun = now
            self._line += piece
            whole = piece.endswith(b"\n")
            # A \r before the end does not count.
            if len(self._line) - whole > self._line_limit + 1:
                self._too_long = True
            if whole:
                if not self._too_long:
                    line = bytes(self._line[:-1])
                    self._asked.append((line, _decoded_or_none(line)))
                self._line.clear()

    def passed(self, now: float) -> None:
        """Note what time it is."""
        if self._line and now >= self._begun + MESSAGE_TIMEOUT:
            self._late = True

    @property
    def breached(self) -> bool:
        """True when a line was too long or took too long, if it was read in time."""
        return self._too_long or self._late

    @property
    def may_be_ended(self) -> bool:
        """True when the protocol may end the connection, saying why."""
        return self.breached

    @property
    def requests(self) -> Iterator[m.Message]:
        """What was asked so far."""
        return (request for _, request in self._asked if request is not None)

    def heard(self, data: bytes) -> None:
        """Check the messages that are whole with what has come now."""
        answers = self._answers
        answers += data
        while (end := answers.find(b"\n")) >= 0:
            line = bytes(answers[:end])
            message = _decoded(line)
            length = self.payload_length(message)
            if len(answers) < end + 1 + length:
                return
            payload = bytes(answers[end + 1 : end + 1 + length])
            del answers[: end + 1 + length]
            if not self.comes_by_itself(message):
                self._match(line, message)
            self.check_content(message, payload)

    def payload_length(self, message: m.Message) -> int:
        """How many raw bytes follow a message; for subclasses."""
        return 0

    def comes_by_itself(self, message: m.Message) -> bool:
        """Whether a message answers no request in particular, and may come now; for subclasses."""
        return False

    def check_content(self, message: m.Message, payload: bytes) -> None:
        """Check what an answer says; for subclasses."""

    def finished(self) -> None:
        """All that is to come has come: only what needs no answer may be left."""
        done = any(all(map(self._may_be_silent, self._asked[place:])) for place in self._places)
        check(done, f"answers never came, to some of {self._asked[min(self._places) :]}"[:1000])

    def _match(self, line: bytes, message: m.Message) -> None:
        places = set()
        for place in self._places:
            for number in range(place, len(self._asked)):
                if self._is_answer(self._asked[number], line, message):
                    places.add(number + 1)
                if not self._may_be_silent(self._asked[number]):
                    break
        farewell = isinstance(message, m.Error) and message.request is None
        expected = bool(places) or (farewell and self.may_be_ended)
        check(expected, f"{line[:200]!r} answers nothing that was asked")
        self._places = places or self._places

    def _is_answer(
        self, asked: tuple[bytes, m.Message | None], line: bytes, message: m.Message
    ) -> bool:
        asked_line, request = asked
        if isinstance(request, m.PeerPingPong) and m.PeerPingPong in self._replies:
            return line == asked_line
        if isinstance(request, m.Error):
            return False
        if isinstance(message, m.Error):
            return request is None or message.request == m.type_of(type(request))
        return (
            request is not None
            and isinstance(message, self._replies.get(type(request), ()))
            and all(_same(name, request, message) for name in ("filename", "chunknum"))
        )

    def _may_be_silent(self, asked: tuple[bytes, m.Message | None]) -> bool:
        return isinstance(asked[1], self._silent)


def _same(name: str, request: m.Message, reply: m.Message) -> bool:
    return not hasattr(reply, name) or getattr(request, name) == getattr(reply, name)


def _lines(data: bytes) -> list[bytes]:
    *whole, rest = data.split(b"\n")
    return [piece + b"\n" for piece in whole] + ([rest] if rest else [])


def _decoded_or_none(line: bytes) -> m.Message | None:
    try:
        return m.decode(line)
    except m.UndecodableMessage:
        return None


def _decoded(line: bytes) -> m.Message:
    message = _decoded_or_none(line)
    if message is None:
        raise Fault(f"what was sent is no message of the protocol: {line[:200]!r}")
    return message
