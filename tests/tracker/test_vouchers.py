"""Of whom others say that they had chunks: what they may say, what is kept, and what is told."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from p2pfs.tracker.vouchers import MOST_HOSTS, MOST_WORDS, Vouchers
from p2pfs.wire.messages import MOST_SOURCES
from tests.memory_transport import MemoryTransport
from tests.tracker.tracker_connections import MemoryTracker

SOURCE, OTHER = "192.0.2.1", "192.0.2.2"


def vouch(peer: MemoryTransport, *sources: str, name: str = "f", **fields: Any) -> None:
    """Have a peer say that it had chunks of a file from there."""
    fields = fields or {"chunknum": 0}
    request = {"type": "REQUEST_CHUNK_REGISTER", "filename": name, "sources": sources, **fields}
    assert peer.ask(**request) == []


def proven(peer: MemoryTransport, name: str = "f") -> list[str] | None:
    """Of whom a location says so."""
    reply: dict[str, Any]
    (reply,) = peer.ask(type="REQUEST_FILE_LOCATION", filename=name)
    found: list[str] | None = reply.get("proven")
    return found


def scene() -> tuple[MemoryTracker, MemoryTransport, MemoryTransport, MemoryTransport]:
    """A tracker, a source, a downloader, and somebody who asks."""
    tracker = MemoryTracker()
    source, downloader = tracker.join(SOURCE), tracker.join(OTHER)
    tracker.share(source)
    return tracker, source, downloader, tracker.join("192.0.2.3")


def test_others_are_told_from_whom_chunks_came() -> None:
    """Not who said so itself: it knows better."""
    _, source, downloader, asking = scene()
    assert proven(asking) is None
    vouch(downloader, f"{SOURCE}:6881")
    assert proven(asking) == proven(source) == [f"{SOURCE}:6881"]
    assert proven(downloader) is None


def test_nobody_vouches_for_his_own_host() -> None:
    """Whatever the port."""
    tracker, _, _, asking = scene()
    vouch(tracker.join(SOURCE, 7000), f"{SOURCE}:6881", f"{SOURCE}:7000")
    assert proven(asking) is None


def test_words_about_who_holds_nothing_of_the_file_do_not_count() -> None:
    """Nor about strangers, newcomers, or what is no address; nor of who holds nothing itself."""
    tracker, _, downloader, asking = scene()
    tracker.share(tracker.join("192.0.2.9"), "g")
    newcomer = tracker.join("192.0.2.8")
    vouch(newcomer, f"{SOURCE}:6881", chunks="AA==")
    vouch(downloader, "192.0.2.9:6881", "192.0.2.8:6881", "192.0.2.77:1", "", "\0", "x" * 999)
    assert proven(asking) is proven(asking, "g") is None
    assert len(tracker.factory.vouchers) == 0


def test_a_message_names_a_few() -> None:
    """The rest of them does not count."""
    tracker, _, downloader, _ = scene()
    others = [f"198.51.100.{number}" for number in range(MOST_SOURCES + 5)]
    for host in others:
        tracker.share(tracker.join(host))
    vouch(downloader, *[f"{host}:6881" for host in others])
    assert len(tracker.factory.vouchers) == MOST_SOURCES


@pytest.mark.parametrize("sources", ["h:1", [1], {"a": 1}, None])
def test_sources_of_the_wrong_kind_are_an_error(sources: Any) -> None:
    """As any field of the wrong kind is."""
    _, _, downloader, _ = scene()
    request = {"type": "REQUEST_CHUNK_REGISTER", "filename": "f", "chunknum": 0}
    (reply,) = downloader.ask(**request, sources=sources)
    assert reply["type"] == "ERROR"


def test_words_end_with_whom_they_are_about() -> None:
    """Who comes back begins anew; what was said stays when he who said it has left."""
    tracker, source, downloader, asking = scene()
    vouch(downloader, f"{SOURCE}:6881")
    downloader.hang_up()
    assert proven(asking) == [f"{SOURCE}:6881"]
    source.hang_up()
    assert len(tracker.factory.vouchers) == 0
    tracker.share(tracker.join(SOURCE))
    assert proven(asking) is None


def test_a_host_vouches_for_so_many_at_a_time() -> None:
    """The word that was given first is forgotten first, unless it was given again."""
    vouchers = Vouchers()
    for member in range(MOST_WORDS):
        vouchers.vouch("h", str(member))
    vouchers.vouch("h", "0")
    vouchers.vouch("h", "new")
    assert len(vouchers) == MOST_WORDS
    assert vouchers.speak_for(["0", "1", "2", "new"], "") == ["0", "2", "new"]


def test_a_few_hosts_are_remembered_for_each_member() -> None:
    """The last ones, so that one that asks does not hide the others."""
    vouchers = Vouchers()
    for host in range(MOST_HOSTS + 2):
        vouchers.vouch(str(host), "m")
    assert len(vouchers) == MOST_HOSTS
    assert vouchers.speak_for(["m"], str(MOST_HOSTS + 1)) == ["m"]
    for _ in range(2):
        vouchers.forget("m")
    assert len(vouchers) == 0
    assert vouchers.speak_for(["m"], "") == []


def test_words_take_little_memory() -> None:
    """Even when as many are kept as may be: a small part of the 6 KiB of a peer."""
    members = [f"192.0.{n >> 8}.{n & 255}:6881" for n in range(2_000)]
    hosts = [member.partition(":")[0] for member in members]
    tracemalloc.start()
    try:
        vouchers = Vouchers()
        for number, member in enumerate(members):
            for further in range(1, MOST_HOSTS + 1):
                vouchers.vouch(hosts[number - further], member)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(vouchers) == MOST_HOSTS * len(members)
    assert used < 512 * len(members)
    for member in members:
        vouchers.forget(member)
    assert vouchers._hosts == vouchers._words == {}
