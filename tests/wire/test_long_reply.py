"""A chunk in base64 is taken out of its line as it comes."""

from __future__ import annotations

import base64
import json
from collections import deque
from itertools import chain, pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from p2pfs.errors import MalformedMessage
from p2pfs.wire.long_reply import MOST_REST, Base64Pieces, LineTooLong, LongReply
from p2pfs.wire.messages import decode_chunk


def taken(line: bytes, cuts: list[int]) -> tuple[bytes, bytes]:
    """The chunk's bytes and the rest of a line that is cut there."""
    reply = LongReply()
    edges = sorted({0, len(line), *(cut % (len(line) + 1) for cut in cuts)})
    data = b""
    for start, end in pairwise(edges):
        data += b"".join(reply.feed(line[start:end]))
    return data, bytes(reply.rest)


CUTS = st.lists(st.integers(0, 2000), max_size=8)
VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "d", '"', "\\", "{"]), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = st.lists(
    st.tuples(
        st.sampled_from(["type", "digest", "dat", "data ", "x{", 'y"', "\\", "[data]"]), VALUES
    ),
    max_size=5,
)


@given(FIELDS, st.binary(max_size=40), st.integers(0, 5), st.booleans(), CUTS)
def test_it_is_found_wherever_it_stands(
    fields: list[tuple[str, Any]], chunk: bytes, place: int, escaped: bool, cuts: list[int]
) -> None:
    """Among any other fields, in any pieces, and no other string is taken for it."""
    text = base64.b64encode(chunk).decode()
    message = dict([*fields[:place], ("data", text), *fields[place:]])
    line = json.dumps(message, separators=(", ", " : ") if escaped else None).encode()
    if escaped:
        line = line.replace(text.encode(), text.replace("/", "\\/").encode())
    data, rest = taken(line, cuts)
    assert data == chunk
    assert json.loads(rest) == {**message, "data": ""}


@given(FIELDS, CUTS)
def test_a_line_without_it_is_left_as_it_is(fields: list[tuple[str, Any]], cuts: list[int]) -> None:
    """Also where ``data`` is no string, or further in."""
    for value in (None, 5, ["AAAA"], {"data": "AAAA"}, [{"data": "AAAA"}]):
        line = json.dumps({**dict(fields), "data": value}).encode()
        assert taken(line, cuts) == (b"", line)


@given(st.binary(max_size=60) | st.text('{}[]":,\\ data/A', max_size=60).map(str.encode), CUTS)
def test_any_line_is_the_same_in_any_pieces(line: bytes, cuts: list[int]) -> None:
    """Whatever it is: what it says is what it says as a whole, or it is refused both times."""

    def outcome(cuts: list[int]) -> Any:
        try:
            return taken(line, cuts)
        except MalformedMessage:
            return None

    assert outcome(cuts) == outcome([])


@example("AA==AAAA", [4])
@example("AAA=AAA=", [4])
@given(st.text("AQ+/=-\n \\é", max_size=24), CUTS)
def test_what_is_base64_is_decided_as_of_the_whole(text: str, cuts: list[int]) -> None:
    """Padding in the midst, other characters and a lacking end are seen in pieces too."""
    whole: bytes | None
    try:
        whole = decode_chunk(text)
    except MalformedMessage:
        whole = None
    pieces, data = Base64Pieces(), b""
    encoded = text.encode()
    edges = sorted({0, len(encoded), *(cut % (len(encoded) + 1) for cut in cuts)})
    try:
        for start, end in pairwise(edges):
            data += pieces.decode(encoded[start:end])
        pieces.end()
    except MalformedMessage:
        assert whole is None
    else:
        assert data == whole


@pytest.mark.parametrize(
    "text", [b"AA\\u0041A", b"AA\\nAA", b'AA\\"AA', b"AAA\\\\", b"A A=", b"AA=A", b"AAAAA", b"!!!!"]
)
def test_what_is_not_base64_is_refused(text: bytes) -> None:
    """Any escape but that of a solidus among it."""
    for cut in range(len(text) + 12):
        with pytest.raises(MalformedMessage):
            taken(b'{"data":"' + text + b'"}', [cut])


@pytest.mark.parametrize(
    "line",
    [
        b"x" * (MOST_REST + 1),
        b'"' + b"\\n" * MOST_REST,
        b'{"data":"AAAA","x":"' + b"y" * MOST_REST + b'"}',
        b"[" * (MOST_REST + 1),
    ],
)
def test_the_rest_of_the_line_is_bounded(line: bytes) -> None:
    """What is no chunk's data is not kept beyond what a reply can need."""
    for step in (100, 10_000_000):
        reply = LongReply()
        pieces = [line[start : start + step] for start in range(0, len(line), step)]
        with pytest.raises(LineTooLong):
            deque(chain.from_iterable(map(reply.feed, pieces)))
        assert len(reply.rest) <= 2 * MOST_REST + 2


def test_the_last_of_two_counts_as_the_decoder_has_it() -> None:
    """A second ``data`` is part of the rest, for whoever compares lengths."""
    line = b'{"data":"AAAA","data":"BBBB"}'
    assert taken(line, []) == (bytes(3), b'{"data":"","data":"BBBB"}')
    assert msgspec.json.decode(taken(line, [])[1]) == {"data": "BBBB"}
