"""How much of a tracker its peers may use: files, by peer, by host, and all together."""

from __future__ import annotations

from tests.tracker.tracker_connections import INFO, MemoryTracker, publish


def test_a_peer_holds_no_more_names_than_its_quota(logged: list[str]) -> None:
    """It is told what to do, others are not concerned, and it is logged once."""
    tracker = MemoryTracker(names_per_peer=10)
    greedy, other = tracker.join("192.0.2.1"), tracker.join("192.0.2.2")
    results = [publish(greedy, f"n{number}") for number in range(1000)]
    assert [reply["result"] for reply in results] == [True] * 10 + [False] * 990
    assert "unpublish some" in results[-1]["message"]
    assert publish(greedy, "n3")["result"]  # it holds that already
    (error,) = greedy.ask(type="REQUEST_CHUNK_REGISTER", filename="more", chunknum=0, fileinfo=INFO)
    assert (error["type"], error["request"]) == ("ERROR", "REQUEST_CHUNK_REGISTER")
    assert publish(other, "mine")["result"]
    assert len(list(tracker.directory)) == 11
    assert sum("192.0.2.1: was told" in line for line in logged) == 1
    greedy.ask(type="REQUEST_UNPUBLISH", filename="n3")
    assert publish(greedy, "instead")["result"]


def test_a_tracker_lists_no_more_names_than_its_quota() -> None:
    """What is listed already can still be held by one more; an end makes room."""
    tracker = MemoryTracker(names=3)
    first, second = tracker.join("192.0.2.1"), tracker.join("192.0.2.2")
    for name in "abc":
        assert publish(first, name)["result"]
    refused = publish(second, "d")
    assert not refused["result"]
    assert "lists 3 files" in refused["message"]
    assert publish(second, "a")["result"]
    first.hang_up()
    assert publish(second, "d")["result"]
    assert list(tracker.directory) == ["a", "d"]


def test_many_behind_one_address_are_all_listed_while_there_is_room() -> None:
    """The quota of a host is there for when others would go without, and not before."""
    tracker = MemoryTracker(names_per_peer=50, names_per_host=100, names=500)
    peers = [tracker.join(port=number + 1) for number in range(6)]
    results = [[publish(p, f"{n}-{i}")["result"] for i in range(50)] for n, p in enumerate(peers)]
    assert results == [[True] * 50] * 5 + [[False] * 50]
    (reply,) = peers[5].ask(type="REQUEST_PUBLISH", filename="more", fileinfo=INFO)
    assert "your host hold 250 files" in reply["message"]
    other = tracker.join("192.0.2.2")
    assert publish(other, "of another host")["result"]
