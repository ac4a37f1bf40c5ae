"""Offers to downloaders that take turns, as these see them."""

from __future__ import annotations

from typing import Any

import pytest

from p2pfs.peer.policy.upload_slots import SLOTS
from tests.peer.serving_pair import Serving
from tests.peer.turns import have, offer, spare, want_list


def test_only_who_says_so_is_told_of_turns(serving: Serving) -> None:
    """A downloader that does not know of turns never sees a message it does not know."""
    other = serving.connect()
    assert other.ask(type="PEER_PING_PONG") == [{"type": "PEER_PING_PONG"}]
    ping = {"type": "PEER_PING_PONG", "turns": True}
    assert other.ask(**ping) == [{"type": "PEER_TURNS"}, ping]
    serving.done(other)


def test_a_want_list_is_answered_with_offers_and_a_hint_with_the_next(serving: Serving) -> None:
    """One at a time if there is room for one; a chunk that is there makes room."""
    other = serving.connect()
    (first,) = other.ask(**want_list(1, 3))
    assert first in (spare(1), spare(3))
    request = {"type": "PEER_REQUEST_CHUNK", "filename": "f", "chunknum": first["chunknum"]}
    assert other.ask(**request)[0]["type"] == "PEER_REPLY_CHUNK"
    (second,) = other.ask(**have(first["chunknum"]))
    assert [first, second] in ([spare(1), spare(3)], [spare(3), spare(1)])
    assert other.ask(**have(second["chunknum"])) == []
    serving.done(other)


def test_a_crowd_is_served_a_few_at_a_time(serving: Serving) -> None:
    """The connections of a peer share its slots, and one that ends leaves its own."""
    others = [serving.connect() for _ in range(SLOTS + 2)]
    offered = [other for other in others if other.ask(**want_list(0, 1, 2, 3, 4))]
    assert len(offered) == SLOTS
    offered[0].hang_up()
    rest = [other for other in others if other not in offered]
    assert sum(bool(other.heard()) for other in rest) == 1
    serving.done(*offered[1:], *rest)


def test_who_has_enough_on_its_way_is_offered_more_when_it_is_ready(serving: Serving) -> None:
    """Or when the line has nothing else to do, and then it is told so."""
    one, other = serving.connect(), serving.connect()
    (first,) = one.ask(**want_list(1))
    (second,) = other.ask(**want_list(2))
    assert (first, second) == (spare(1), offer(2))
    assert other.ask(type="PEER_BUSY", filename="f", chunknum=2) == []
    assert other.ask(type="PEER_READY", filename="f") == [offer(2)]
    assert other.ask(type="PEER_BUSY", filename="f", chunknum=2) == []
    assert one.ask(**have(1)) == []
    assert other.heard() == [spare(2)]
    serving.done(one, other)


def test_a_chunk_that_has_gone_out_makes_room(serving: Serving) -> None:
    """Others need not wait until its receiver has said that it has it."""
    others = [serving.connect() for _ in range(SLOTS + 1)]
    offers = [other.ask(**want_list(0, 1, 2, 3, 4)) for other in others]
    assert offers[-1] == []
    request = {"type": "PEER_REQUEST_CHUNK", "filename": "f"}
    assert others[0].ask(**request, chunknum=offers[0][0]["chunknum"])
    assert [message["type"] for message in others[-1].heard()] == ["PEER_OFFER"]
    serving.done(*others)


def test_a_chunk_that_is_gained_is_offered(serving: Serving) -> None:
    """A peer that is itself still downloading passes on what it gets, at once."""
    held = serving.library["f"]
    held.chunks.bits = 0
    other = serving.connect()
    assert other.ask(**want_list(2)) == []
    held.chunks.add(2)
    serving.factory.serving.offers.make()
    assert other.heard() == [spare(2)]
    serving.done(other)


def test_an_offer_goes_out_before_what_waits(serving: Serving) -> None:
    """Behind all chunks that were asked for it would come when the line has nothing to do."""
    other = serving.connect()
    serving.clock.held = True
    for chunknum in (0, 1):
        other.say(type="PEER_REQUEST_CHUNK", filename="f", chunknum=chunknum)
    other.say(**want_list(2))
    serving.clock.release()
    kinds = [(message["type"], message["chunknum"]) for message in other.heard()]
    assert kinds == [("PEER_REPLY_CHUNK", 0), ("PEER_OFFER", 2), ("PEER_REPLY_CHUNK", 1)]
    serving.done(other)


def test_an_offer_that_cannot_be_kept_leaves_its_slot(serving: Serving) -> None:
    """The file is gone: the answer is an error, and it is somebody else's turn."""
    others = [serving.connect() for _ in range(SLOTS + 1)]
    offers = [other.ask(**want_list(0, 1, 2, 3, 4)) for other in others]
    assert offers[-1] == []
    serving.library["f"].path.unlink()
    chunknum = offers[0][0]["chunknum"]
    (error,) = others[0].ask(
        type="PEER_REQUEST_CHUNK", filename="f", chunknum=chunknum, encoding="raw"
    )
    assert error["type"] == "ERROR"
    assert [message["type"] for message in others[-1].heard()] == ["PEER_OFFER"]
    serving.done(*others)


@pytest.mark.parametrize(
    "bad",
    [
        want_list(0, filename="other"),
        want_list(0, root="ab" * 32),
        want_list(0, chunks="AAAA"),
        want_list(0, chunks="/w=="),
    ],
)
def test_a_want_list_that_makes_no_sense_is_an_error(serving: Serving, bad: dict[str, Any]) -> None:
    """Another file or content, a bitfield of the wrong length, a spare bit."""
    other = serving.connect()
    (error,) = other.ask(**bad)
    assert (error["type"], error["request"]) == ("ERROR", "PEER_WANT")
    assert error["filename"] == bad["filename"]
    assert other.ask(**want_list(1)) == [spare(1)]
    serving.done(other)


def test_hints_of_every_kind_do_no_harm(serving: Serving) -> None:
    """Chunks outside the file, files that are not shared, a flood of hints: none is answered."""
    other = serving.connect()
    assert other.ask(**want_list(4)) == [spare(4)]
    for chunknum in [-1, 5, 1 << 62, *range(3)] * 50:
        other.say(**have(chunknum))
        other.say(**have(chunknum, "other"))
    serving.clock.advance(0)
    assert other.heard() == []
    serving.done(other)
