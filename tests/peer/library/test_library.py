"""What a holding may be, whatever comes to pass in whatever order; and the library of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from p2pfs.chunks import ChunkSet, HashList
from p2pfs.errors import AlreadyExists, NotFound
from p2pfs.peer.library import Holding, Library
from p2pfs.peer.rates import Reached
from p2pfs.peer.storage import Disk, PartFile, Stamp
from tests.peer.holdings import content, described

CHUNKS = 3
DATA = content(CHUNKS * 10)
INFO, HASHES = described(DATA, 10)
PART, TARGET = Path("/x/.part"), Path("/x/f")
STAMP, PART_STAMP = Stamp(len(DATA), 1), Stamp(len(DATA), 1, 2)
IDENTITY = 7
REACHED = Reached(1.0, 1)

chunk_sets = st.sets(st.integers(0, CHUNKS - 1)).map(lambda nums: ChunkSet.of(CHUNKS, nums))


def fields(holding: Holding) -> tuple[object, ...]:
    """All that can change of it."""
    durable = (holding.path, holding.target, holding.stamp, holding.identity)
    running = (holding.part, holding.downloading, holding.checking)
    told = (holding.refusal, holding.withheld, holding.reached)
    return (holding.chunks.bits, bytes(holding.hashes), *durable, *running, *told)


class Step(NamedTuple):
    """Something that may come to pass with a holding, when it can, and with what chunks."""

    can: Callable[[Lives], bool]
    do: Callable[[Lives, ChunkSet], None]


class Lives(RuleBasedStateMachine):
    """All that can come to pass with a holding, in any order, also what cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.holding: Holding
        self.claimed = ChunkSet(CHUNKS)
        self.settled = False
        self.was_share = False
        self.part = PartFile(Disk(), PART, len(DATA), os.memfd_create("part"))

    def teardown(self) -> None:
        self.part.close()

    @initialize(how=st.sampled_from(["published", "begun", "on record"]), chunks=chunk_sets)
    def make(self, how: str, chunks: ChunkSet) -> None:
        """It is new, or was on record."""
        if how == "published":
            self.holding = Holding.published("f", INFO, HASHES, TARGET, STAMP)
        elif how == "begun":
            self.holding = Holding.begun("f", INFO, HashList(CHUNKS), PART, TARGET)
        else:
            hashes = HashList(CHUNKS, bytes(HASHES))
            self.holding = Holding("f", INFO, hashes, chunks, PART, PART_STAMP, TARGET, IDENTITY)

    # When what can be

    def always(self) -> bool:
        return True

    def is_share(self) -> bool:
        return self.holding.is_share

    def at_rest(self) -> bool:
        held = self.holding
        return not (held.is_share or held.downloading or held.checking)

    def may_be_away(self) -> bool:
        return self.is_share() or self.at_rest()

    def is_preparing(self) -> bool:
        held = self.holding
        return held.downloading and held.part is None

    def is_open(self) -> bool:
        return self.holding.part is not None and not self.holding.is_share

    def is_whole(self) -> bool:
        return self.is_open() and self.holding.chunks.whole

    def is_checking(self) -> bool:
        return self.holding.checking

    # What can be

    def opened(self, _: ChunkSet) -> None:
        self.holding.opened(self.part, IDENTITY)
        self.settled = False

    def kept(self, chunks: ChunkSet) -> None:
        had = set(self.holding.chunks)
        for chunknum in chunks or [0]:
            digest = HASHES[chunknum]
            assert digest is not None
            self.holding.kept(chunknum, digest)
        assert set(self.holding.chunks) == had | set(chunks or [0])

    def copied(self, chunks: ChunkSet) -> None:
        """The digests of a share are known."""
        self.holding.hash_list_known(HashList(CHUNKS, bytes(HASHES)))
        had = set(self.holding.chunks)
        self.holding.copied(chunks)
        assert set(self.holding.chunks) == had | set(chunks)

    def mended(self, chunks: ChunkSet) -> None:
        self.holding.mended(ChunkSet(CHUNKS, chunks.bits & self.holding.chunks.bits))

    def settle(self, chunks: ChunkSet) -> None:
        self.holding.settled(PART_STAMP if chunks.bits else None)
        self.settled = True

    def check_begun(self, _: ChunkSet) -> None:
        had = self.holding.chunks
        self.claimed = self.holding.check_begun()
        assert self.claimed == had

    def check_broken_off(self, _: ChunkSet) -> None:
        self.holding.check_broken_off(self.claimed)
        assert self.holding.chunks == self.claimed

    def checked(self, chunks: ChunkSet) -> None:
        right = ChunkSet(CHUNKS, chunks.bits & self.claimed.bits)
        stamp, identity = (PART_STAMP, IDENTITY) if right.bits else (None, None)
        self.holding.checked(right, stamp, identity)

    STEPS: ClassVar[dict[str, Step]] = {
        "begin": Step(at_rest, lambda life, _: life.holding.begin()),
        "opened": Step(is_preparing, opened),
        "hash_list_known": Step(is_open, lambda life, _: life.holding.hash_list_known(HASHES)),
        "kept": Step(is_open, kept),
        "copied": Step(is_open, copied),
        "mended": Step(is_open, mended),
        "settled": Step(is_open, settle),
        "became_share": Step(is_whole, lambda life, _: life.holding.became_share(STAMP, REACHED)),
        "left": Step(always, lambda life, _: life.holding.left()),
        "check_begun": Step(at_rest, check_begun),
        "check_broken_off": Step(is_checking, check_broken_off),
        "checked": Step(is_checking, checked),
        "found_whole": Step(is_checking, lambda life, _: life.holding.found_whole(HASHES, STAMP)),
        "replaced": Step(is_share, lambda life, _: life.holding.replaced(STAMP)),
        "withhold": Step(may_be_away, lambda life, _: life.holding.withhold("It is gone.", 1.0)),
        "found_again": Step(always, lambda life, _: life.holding.found_again()),
        "refused": Step(always, lambda life, _: life.holding.refused("Another has it.")),
        "listed": Step(always, lambda life, _: life.holding.listed()),
    }

    @rule(data=st.data(), chunks=chunk_sets)
    def comes_to_pass(self, data: st.DataObject, chunks: ChunkSet) -> None:
        """One of what can be."""
        steps = [name for name, step in self.STEPS.items() if step.can(self)]
        self.STEPS[data.draw(st.sampled_from(steps))].do(self, chunks)

    @rule(chunks=chunk_sets)
    def does_not(self, chunks: ChunkSet) -> None:
        """None of what cannot be: it is refused, and has changed nothing."""
        before = fields(self.holding)
        for step in self.STEPS.values():
            if not step.can(self):
                with pytest.raises(AssertionError):
                    step.do(self, chunks)
                assert fields(self.holding) == before

    @invariant()
    def is_in_order(self) -> None:
        """What its docstring says."""
        held = self.holding
        if held.is_share:
            assert held.path == TARGET
            assert held.chunks.whole
            assert (held.stamp, held.identity) == (STAMP, None)
            assert held.announced_whole
        else:
            assert (held.path, held.target) == (PART, TARGET)
            assert held.stamp in (None, PART_STAMP)
            assert held.reached is None
            assert held.withheld is None or self.at_rest()
            assert held.part is None or held.identity is not None
            assert held.part is None or held.stamp is None or self.settled
        assert held.part is None or held.downloading
        assert not (held.downloading and held.checking)
        assert not (held.checking and held.chunks.bits)
        assert all(held.hashes[chunknum] is not None for chunknum in held.chunks)

    @invariant()
    def remains_a_share(self) -> None:
        """Nothing makes an unfinished download of what is finished."""
        assert self.holding.is_share or not self.was_share
        self.was_share = self.holding.is_share


class TestLives(Lives.TestCase):  # type: ignore[misc]  # hypothesis makes the class
    """Whatever comes to pass, in every order, a holding is in order."""

    settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


def share(name: str = "f") -> Holding:
    return Holding.published(name, INFO, HASHES, TARGET, STAMP)


def test_a_name_is_held_once() -> None:
    """Whose it is already is not replaced unnoticed."""
    library, first = Library(), share()
    library.add(first)
    with pytest.raises(AlreadyExists, match="holds 'f' already"):
        library.add(share())
    assert library["f"] is first


def test_only_the_holding_itself_is_taken_out() -> None:
    """What has its name since is another, and stays."""
    library, before, since = Library(), share(), share()
    library.add(before)
    assert library.discard(before)
    library.add(since)
    assert not library.discard(before)
    assert library.get("f") is since


def test_a_name_that_is_not_held() -> None:
    """Who asks for it is told what to do."""
    assert Library().get("f") is None
    with pytest.raises(NotFound, match="'status' lists what it shares"):
        Library()["f"]


def test_it_may_change_while_it_is_gone_through() -> None:
    """Shares come and go while somebody looks at each of them."""
    library = Library()
    for name in ("a", "b", "c"):
        library.add(share(name))
    seen = []
    for holding in library:
        seen.append(holding.name)
        library.discard(holding)
    assert seen == ["a", "b", "c"]
    assert len(library) == 0
