"""The least time in which a crowd can have a file. Sizes are in bytes, rates in bytes a second."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log2


def equal_links(size: int, chunks: int, peers: int, rate: float) -> float:
    """Seconds until the last of ``peers`` downloaders has it, all up links being alike.

    A chunk must be had whole before it is passed on. The time is reached when chunks
    and peers are scheduled without a gap: Mundinger, Weber, Weiss, "Optimal scheduling
    of peer-to-peer file dissemination", Journal of Scheduling 11 (2008).
    """
    return size / rate * (1 + floor(log2(peers)) / chunks)


def unequal_links(
    size: int, source_up: float, ups: Sequence[float], downs: Sequence[float]
) -> float:
    """Seconds until the last downloader has it, whose links may all differ.

    Bytes may flow on as they come, so it is the lower of the two bounds: Kumar, Ross,
    "Peer-assisted file distribution: the minimum distribution time" (2006).
    """
    everything = len(ups) * size / (source_up + sum(ups))
    return max(size / source_up, size / min(downs), everything)


def fast_source(size: int, chunks: int, peers: int, rate: float, source_rate: float) -> float:
    """Seconds until the last downloader has it, when the source alone is quicker than the rest.

    The greater of `unequal_links` and of what chunks allow: they pass in slots, as many
    as links have room for, and in each only those send who had a whole one before.
    With a source as quick as the peers it is a little less than `equal_links`.
    """
    a_slot = source_rate / rate
    had, slots = 0.0, 0
    while had + a_slot < peers and had < peers * chunks:
        had += a_slot + had
        slots += 1
    left = max(0.0, peers * chunks - had) / peers
    rates = [rate] * peers
    slotted = (slots + left) * size / chunks / rate
    return max(slotted, unequal_links(size, source_rate, rates, rates))
