"""What the connections of a serving peer share."""

from __future__ import annotations

from tests.peer.serving.five_chunks import held
from tests.peer.serving_pair import Serving, asking


def test_only_who_was_sent_a_chunk_is_heard_when_it_finds_it_wrong(serving: Serving) -> None:
    """Once for each time that it was sent; and the complaint is not answered."""
    other, stranger = serving.connect(), serving.connect()
    complaint = {"type": "ERROR", "request": "PEER_REPLY_CHUNK", "message": "wrong"}
    complaint |= {"filename": held(serving).name, "chunknum": 4}
    other.ask(**asking(4))
    assert stranger.ask(**complaint) == []
    assert other.ask(**{**complaint, "chunknum": 3}) == []
    assert serving.doubts == []
    assert other.ask(**complaint) == []
    assert other.ask(**complaint) == []
    assert serving.doubts == [(held(serving), 4)]
    serving.done(other, stranger)


def test_only_others_are_heard() -> None:
    """Who connects from this machine says nothing of the network."""
    heard: list[str] = []
    serving = Serving(heard=lambda: heard.append("somebody"))
    here = serving.connect("127.0.0.1")
    assert heard == []
    there = serving.connect("192.0.2.7")
    assert heard == ["somebody"]
    serving.done(here, there)


def test_who_looks_whether_this_peer_is_reached_is_told_of() -> None:
    """Its token, and for which host it spoke; the ping is answered as any other."""
    probed: list[tuple[str, str]] = []
    serving = Serving(probed=lambda token, host: probed.append((token, host)))
    other = serving.connect("192.0.2.7")
    ping = {"type": "PEER_PING_PONG", "probe": "token"}
    assert other.ask(**ping) == [ping]
    assert other.ask(type="PEER_PING_PONG") == [{"type": "PEER_PING_PONG"}]
    assert probed == [("token", "192.0.2.7")]
    serving.done(other)


def test_a_chunk_that_is_not_held_any_more_is_nobodys_doubt(serving: Serving) -> None:
    """What was withdrawn, or withheld, is looked at by others already."""
    other = serving.connect()
    complaint = {"type": "ERROR", "request": "PEER_REPLY_CHUNK", "message": "wrong"}
    complaint |= {"filename": held(serving).name, "chunknum": 4}
    other.ask(**asking(4))
    held(serving).chunks.discard(4)
    assert other.ask(**complaint) == []
    assert serving.doubts == []
    serving.done(other)
