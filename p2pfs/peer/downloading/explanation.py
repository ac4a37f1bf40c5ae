"""Why a download is where it is: what is missing, who holds it, and what happens next.

Pure: `explain` makes an `Explanation` of `Facts`, a snapshot of one download. Its
size is bounded, whatever the download's is. All times are in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from p2pfs.chunks import ChunkSet
from p2pfs.peer.rates import whole

MAX_GROUPS = 20
"""Groups of chunks, and sources, that are told one by one."""
MAX_HOLDERS = 4
"""Holders of a group that are named."""
_MAX_TEXT = 120
"""Characters of a list of chunks, about."""
_SHORT_TEXT = 24
"""The same where there is little room."""


class SourceFacts(msgspec.Struct, frozen=True):
    """How it stands with one source; ``chunks`` and ``denied`` are bits.

    ``state`` is one of connected, connecting, resting, banned and idle; ``left``
    are the seconds until a rest, or a denial, is over.
    """

    address: str
    chunks: int
    state: str
    denied: int = 0
    left: float = 0.0
    error: str = ""
    error_ago: float = 0.0
    in_flight: int = 0
    window: int = 0
    rate: float | None = None
    takes_turns: bool = False
    """True when it offers chunks when it is this peer's turn, rather than being asked for them."""


class AskedFacts(msgspec.Struct, frozen=True):
    """Of whom a chunk, or the hash list, is asked, and how long ago that was."""

    source: str
    ago: float
    arrived: bool = False


class TroubleFacts(msgspec.Struct, frozen=True):
    """How a chunk last failed, how long ago, and how often so far."""

    error: str
    ago: float
    attempts: int


class Facts(msgspec.Struct, frozen=True):
    """A snapshot of a download. ``missing`` are bits, those in flight included."""

    total: int
    missing: int
    sources: list[SourceFacts]
    asked: dict[int, AskedFacts]
    troubles: dict[int, TroubleFacts]
    waited: float
    patience: float
    needs_hash_list: bool = False
    hash_list_asked: AskedFacts | None = None
    waits_for_disk: bool = False
    may_connect: bool = True
    tracker: str = ""
    """What is to be expected of the tracker, such as "asks the tracker in 1.5 s"."""
    cut_off: bool = False
    """True while nobody can be reached, which is no reason to give up."""


class Group(msgspec.Struct, frozen=True):
    """Missing chunks with the same story.

    ``holders`` hold all of them and ``partly`` is how many more hold some of them;
    ``denied`` are those that said they lack them. ``asked`` is of whom they are asked
    just now, ``error`` the last failure, ``next`` what happens next.
    """

    chunks: str
    count: int
    holders: list[str]
    more_holders: int
    partly: int
    denied: list[str]
    asked: str | None
    asked_seconds_ago: float | None
    rate: int | None
    attempts: int
    error: str
    error_seconds_ago: float | None
    next: list[str]


class SourceState(msgspec.Struct, frozen=True):
    """One source: how many of the missing chunks it holds, its state, its last error."""

    address: str
    state: str
    holds: int
    in_flight: int
    rate: int | None
    error: str
    error_seconds_ago: float | None


class Explanation(msgspec.Struct, frozen=True):
    """What holds a download up, or what it is busy with."""

    missing: int
    total: int
    groups: list[Group]
    more_groups: int
    more_chunks: int
    sources: list[SourceState]
    more_sources: int
    waited: float
    general: list[str]


def explain(facts: Facts) -> Explanation:
    """The story of everything that is missing."""
    stories = [*_waiting(facts), *_under_way(facts)]
    told = stories[:MAX_GROUPS]
    sources = sorted(facts.sources, key=lambda source: -(source.chunks & facts.missing).bit_count())
    return Explanation(
        facts.missing.bit_count(),
        facts.total,
        [_group(facts, *story) for story in told],
        len(stories) - len(told),
        sum(bits.bit_count() for bits, _ in stories[MAX_GROUPS:]),
        [_source(facts, source) for source in sources[:MAX_GROUPS]],
        max(0, len(sources) - MAX_GROUPS),
        round(facts.waited, 1),
        _general(facts),
    )


def summary(facts: Facts, limit: int = 300) -> str:
    """What is missing in at most ``limit`` characters: chunks, their holders, the last error."""
    parts: list[str] = []
    for bits in _by_holders(facts.missing, facts.sources):
        part = f"{chunks_text(facts.total, bits)}: {_holders_and_error(facts, bits)}"
        if len("; ".join([*parts, part])) > limit - len("; and more"):
            if not parts:
                parts.append(part[: limit - len("...; and more")] + "...")
            return "; ".join([*parts, "and more"])
        parts.append(part)
    return "; ".join(parts)


def seconds_text(seconds: float) -> str:
    """``0.5 s`` or ``37 s``."""
    return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"


def chunks_text(total: int, bits: int, most: int = _MAX_TEXT) -> str:
    """The chunks as people write them, cut where there are too many runs."""
    text = str(ChunkSet(total, bits))
    if len(text) > most:
        text = text[:most].rsplit(",", 1)[0] + " and more"
    return text


def short_chunks_text(total: int, bits: int) -> str:
    """How many chunks, and which, in few words: ``chunk 7`` or ``97 chunks (3-99)``."""
    count, which = bits.bit_count(), chunks_text(total, bits, _SHORT_TEXT)
    return f"chunk {which}" if count == 1 else f"{count} chunks ({which})"


# Groups: bits of chunks, and the chunk whose record stands for all of them

_Story = tuple[int, int | None]


def _under_way(facts: Facts) -> list[_Story]:
    """Chunks that are asked of the same source, with the same trouble before."""
    # A chunk without a trouble of its own is told with that of its source.
    errors = {source.address: source.error for source in facts.sources}
    alike: dict[tuple[str, bool, str], list[int]] = {}
    for chunknum, asked in facts.asked.items():
        trouble = facts.troubles.get(chunknum)
        error = trouble.error if trouble else errors.get(asked.source, "")
        key = asked.source, asked.arrived, error
        alike.setdefault(key, []).append(chunknum)
    return [
        (_bits(facts.total, chunknums), max(chunknums, key=lambda c: c in facts.troubles))
        for chunknums in alike.values()
    ]


def _waiting(facts: Facts) -> list[_Story]:
    """Chunks that are asked of nobody, with the same trouble and the same holders."""
    alike: dict[str, list[int]] = {}
    for chunknum, trouble in facts.troubles.items():
        if chunknum not in facts.asked:
            alike.setdefault(trouble.error, []).append(chunknum)
    stories: list[_Story] = []
    rest = facts.missing & ~_bits(facts.total, facts.asked)
    for chunknums in alike.values():
        bits = _bits(facts.total, chunknums)
        rest &= ~bits
        for part in _by_holders(bits, facts.sources):
            stories.append((part, (part & -part).bit_length() - 1))
    stories += [(part, None) for part in _by_holders(rest, facts.sources)]
    held = _union(facts.sources)
    return sorted(stories, key=lambda story: bool(story[0] & held))


def _bits(total: int, chunknums: Iterable[int]) -> int:
    """These chunks as bits; by way of bytes, as there may be tens of thousands."""
    field = bytearray((total + 7) // 8)
    for chunknum in chunknums:
        field[chunknum >> 3] |= 1 << (chunknum & 7)
    return int.from_bytes(field, "little")


def _by_holders(bits: int, sources: Iterable[SourceFacts]) -> list[int]:
    """Part chunks by who holds them, as far as that makes no more than `MAX_GROUPS` parts."""
    held = _union(sources)
    unheld = bits & ~held
    parts = [bits & held] if bits & held else []
    for source in sources:
        for holds in (source.chunks, source.denied):
            split = [p for part in parts for p in (part & holds, part & ~holds) if p]
            if len(split) > MAX_GROUPS:
                return ([unheld] if unheld else []) + parts
            parts = split
    return ([unheld] if unheld else []) + parts


def _union(sources: Iterable[SourceFacts]) -> int:
    held = 0
    for source in sources:
        held |= source.chunks
    return held


def _group(facts: Facts, bits: int, chunknum: int | None) -> Group:
    holders = [source for source in facts.sources if source.chunks & bits == bits]
    some = [source for source in facts.sources if source.chunks & bits]
    asked = facts.asked.get(chunknum) if chunknum is not None else None
    trouble = facts.troubles.get(chunknum) if chunknum is not None else None
    sender = next((s for s in facts.sources if asked and s.address == asked.source), None)
    error, error_ago = (trouble.error, trouble.ago) if trouble else _last_error(some)
    return Group(
        chunks_text(facts.total, bits),
        bits.bit_count(),
        [source.address for source in holders[:MAX_HOLDERS]],
        max(0, len(holders) - MAX_HOLDERS),
        len(some) - len(holders),
        [source.address for source in some if source.denied & bits][:MAX_HOLDERS],
        asked.source if asked else None,
        round(asked.ago, 1) if asked else None,
        None if sender is None else whole(sender.rate),
        trouble.attempts if trouble else 0,
        error,
        round(error_ago, 1) if error else None,
        _next_of_asked(asked) if asked else _next(facts, some, bits),
    )


def _last_error(sources: list[SourceFacts]) -> tuple[str, float]:
    """The latest error of these sources."""
    failed = [source for source in sources if source.error]
    if not failed:
        return "", 0.0
    latest = min(failed, key=lambda source: source.error_ago)
    return latest.error, latest.error_ago


def _next_of_asked(asked: AskedFacts) -> list[str]:
    if asked.arrived:
        return ["is here, waits for the disk"]
    return [f"is being sent by {asked.source}, asked {seconds_text(asked.ago)} ago"]


def _next(facts: Facts, holders: list[SourceFacts], bits: int) -> list[str]:
    """What happens next to chunks that are asked of nobody."""
    if not holders:
        return [facts.tracker] if facts.tracker else []
    if facts.needs_hash_list:
        return ["waits for the hash list"]
    able = [source for source in holders if source.state == "connected"]
    told = [_next_at(facts, source, bits) for source in (able or holders)[:MAX_HOLDERS]]
    return list(dict.fromkeys(told))


def _next_at(facts: Facts, source: SourceFacts, bits: int) -> str:
    """What one holder is waited for."""
    if source.state == "banned":
        return f"{source.address} is not asked again by this download"
    if source.chunks & bits & ~source.denied == 0:
        return (
            f"{source.address} said that it lacks them, is believed {seconds_text(source.left)} "
            "more"
        )
    if source.state == "resting":
        return f"{source.address} rests {seconds_text(source.left)} more"
    if source.state == "connecting":
        return f"connects to {source.address}"
    if source.state == "connected":
        if facts.waits_for_disk:
            return "waits for the disk"
        if source.in_flight >= source.window:
            many = f"{source.in_flight} chunk{'s' if source.in_flight > 1 else ''}"
            return f"waits until {source.address} has sent the {many} that it is asked for"
        if source.takes_turns:
            return f"waits until {source.address}, which serves others too, offers it"
        return f"is about to be asked of {source.address}"
    if not facts.may_connect:
        return "waits for a free connection"
    return f"is about to connect to {source.address}"


def _source(facts: Facts, source: SourceFacts) -> SourceState:
    state = source.state
    if source.state == "resting":
        state = f"rests {seconds_text(source.left)} more"
    return SourceState(
        source.address,
        state,
        (source.chunks & facts.missing).bit_count(),
        source.in_flight,
        whole(source.rate),
        source.error,
        round(source.error_ago, 1) if source.error else None,
    )


def _general(facts: Facts) -> list[str]:
    """What concerns all of it."""
    lines = []
    if facts.hash_list_asked is not None:
        asked = facts.hash_list_asked
        lines.append(f"the hash list is asked of {asked.source}, {seconds_text(asked.ago)} ago")
    elif facts.needs_hash_list:
        lines.append("no source that is connected has given the hash list yet")
    if facts.tracker:
        lines.append(facts.tracker)
    if facts.cut_off:
        lines.append(
            "waits for the network: neither a source nor the tracker can be reached; does not "
            "give up meanwhile"
        )
    elif facts.waited >= 1.0:
        left = max(0.0, facts.patience - facts.waited)
        lines.append(
            f"nothing useful came for {seconds_text(facts.waited)}, gives up in "
            f"{seconds_text(left)} unless a source delivers"
        )
    return lines


def _holders_and_error(facts: Facts, bits: int) -> str:
    """Who holds some of these chunks, and what went wrong last, in words."""
    some = [source for source in facts.sources if source.chunks & bits]
    named = ", ".join(source.address for source in some[:MAX_HOLDERS])
    if len(some) > MAX_HOLDERS:
        named += f" and {len(some) - MAX_HOLDERS} more"
    troubles = [t for chunknum, t in facts.troubles.items() if bits >> chunknum & 1]
    trouble = min(troubles, key=lambda t: t.ago, default=None)
    error = trouble.error if trouble else _last_error(some)[0]
    held = f"held by {named}" if named else "held by nobody known"
    return f"{held} (last error: {error.rstrip('.')})" if error else held
