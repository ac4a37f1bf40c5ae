"""What the record of each peer's holdings costs, and that it is reckoned right."""

from __future__ import annotations

from p2pfs.chunks import ChunkSet, FileInfo
from p2pfs.tracker.accounts import HOLDING_BYTES
from tests.tracker.tracker_connections import INFO, OTHER, MemoryTracker, publish


def test_the_memory_of_a_peers_record_is_bounded() -> None:
    """Long names and bitfields count, for who lists a file and for who holds a part of it."""
    total = 65_536
    info = {"filesize": total, "totalchunknum": total, "chunksize": 1}
    tracker = MemoryTracker(memory_per_peer=5 * (HOLDING_BYTES + 4 * total // 8))
    peers = [tracker.join(f"192.0.2.{n}") for n in range(2)]
    for peer in peers:
        results = [publish(peer, f"{n}" + "x" * 1000, info)["result"] for n in range(20)]
        assert 3 <= sum(results) < 10
        assert results == sorted(results, reverse=True)
        peer.ask(type="REQUEST_UNPUBLISH", filename="0" + "x" * 1000)
        assert publish(peer, "0" + "x" * 1000, info)["result"]
    peers[0].hang_up()
    again = tracker.join("192.0.2.0")
    assert publish(again, "1" + "x" * 1000, info)["result"]


def test_the_memory_of_all_records_is_bounded() -> None:
    """Peers that keep their quotas cannot exceed the whole together; the last refusal says so."""
    tracker = MemoryTracker(memory=10 * HOLDING_BYTES)
    peers = [tracker.join(f"192.0.2.{n}") for n in range(20)]
    replies = [publish(peer, f"f{n}") for n, peer in enumerate(peers)]
    assert 5 <= sum(reply["result"] for reply in replies) < 10
    assert "memory is full" in replies[-1]["message"]
    peers[0].hang_up()
    assert publish(peers[-1], "f")["result"]


def test_what_was_refused_costs_nothing() -> None:
    """Neither a name that is taken nor one that is invalid uses up the quota."""
    tracker = MemoryTracker(names_per_peer=1)
    first, second = tracker.join("192.0.2.1"), tracker.join("192.0.2.2")
    publish(first, "f")
    for _ in range(5):
        assert not publish(second, "f", OTHER)["result"]
        assert not publish(second, "../f")["result"]
        second.say(type="REQUEST_CHUNK_REGISTER", filename="g", chunks="AA==", fileinfo=INFO)
    assert publish(second, "f")["result"]


def test_the_ledger_is_even_after_everything() -> None:
    """A peer that holds nothing any more has its whole quota again, many times over."""
    tracker = MemoryTracker(names_per_peer=2, memory_per_peer=3 * HOLDING_BYTES)
    seed, peer = tracker.join("192.0.2.1"), tracker.join("192.0.2.2")
    publish(seed, "a")
    info = FileInfo(**INFO)
    for number in range(50):
        chunk = ChunkSet.of(5, [number % 5]).to_bitfield()
        tracker.directory.add_chunks("192.0.2.2:6881", "a", info, None, chunk, 0.0)
        assert publish(peer, "b")["result"]
        assert publish(peer, "a")["result"]
        assert not publish(peer, "c")["result"]
        for name in "ab":
            (reply,) = peer.ask(type="REQUEST_UNPUBLISH", filename=name)
            assert reply["result"]
