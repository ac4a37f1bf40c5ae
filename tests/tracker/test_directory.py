"""Who holds what, against a simple model."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from p2pfs.chunks import ChunkSet, FileInfo
from p2pfs.errors import InvalidFileInfo, InvalidName, NotFound, Refused
from p2pfs.tracker.directory import Directory
from p2pfs.tracker.listed_file import KEPT_SECONDS
from p2pfs.wire import messages as m

PEERS = st.sampled_from(["a:1", "b:1", "c:1"])
NAMES = st.sampled_from(["d/f", "\u00e9"])
INFOS = st.sampled_from([FileInfo(10, 5, 2), FileInfo(10, 2, 5), FileInfo(0, 0), FileInfo(1, 1)])
CHUNKS = st.sets(st.integers(0, 5))


class Model(RuleBasedStateMachine):
    """The directory beside a dictionary of who holds which chunks of what."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Directory()
        self.peers: set[str] = set()
        self.infos: dict[str, FileInfo] = {}
        self.holders: dict[str, dict[str, set[int]]] = {}
        self.newcomers: dict[str, set[str]] = {}
        self.now = 1000.0
        self.since: dict[str, float] = {}
        # When a file was listed by a part of it, and when holders left it without a word; of
        # these only the ones that mattered, by peer.
        self.listed_in_part: dict[str, float] = {}
        self.left: dict[str, float] = {}
        self.missed: dict[str, dict[str, float]] = {}

    def hold(self, peer: str, name: str, info: FileInfo, chunks: set[int]) -> None:
        if name not in self.infos:
            self.since[name] = self.now
            if len(chunks) < info.totalchunknum:
                self.listed_in_part[name] = self.now
        self.infos[name] = info
        self.holders.setdefault(name, {}).setdefault(peer, set()).update(chunks)
        self.newcomers.setdefault(name, set()).discard(peer)

    def drop(self, peer: str, name: str) -> None:
        del self.holders[name][peer]
        if not self.holders[name]:
            self.delist(name)

    def delist(self, name: str) -> None:
        for by_name in (self.holders, self.infos, self.newcomers):
            del by_name[name]  # type: ignore[attr-defined]  # dictionaries of different values
        for by_name in (self.listed_in_part, self.left, self.missed):
            by_name.pop(name, None)  # type: ignore[attr-defined]  # here too

    def is_complete(self, name: str) -> bool:
        held = set[int]().union(*self.holders[name].values())
        return len(held) == self.infos[name].totalchunknum

    def has_whole_copy(self, name: str) -> bool:
        total = self.infos[name].totalchunknum
        return any(len(held) == total for held in self.holders[name].values())

    def is_lately(self, at: float | None) -> bool:
        return at is not None and self.now - at < KEPT_SECONDS

    @rule(seconds=st.sampled_from([1.0, 20.0, KEPT_SECONDS]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @initialize()
    def begin(self) -> None:
        self.join("a:1")
        self.join("b:1")

    @rule(peer=PEERS)
    def join(self, peer: str) -> None:
        self.directory.join(peer)
        self.peers.add(peer)

    @rule(peer=PEERS)
    def leave(self, peer: str) -> None:
        self.directory.leave(peer, self.now)
        self.peers.discard(peer)
        for newcomers in self.newcomers.values():
            newcomers.discard(peer)
        for name in [name for name, holders in self.holders.items() if peer in holders]:
            total, was_complete = self.infos[name].totalchunknum, self.is_complete(name)
            was_whole = len(self.holders[name][peer]) == total
            if was_whole or (was_complete and not self.has_whole_copy(name)):
                self.missed.setdefault(name, {})[peer] = self.now
            self.left[name] = self.now
            self.drop(peer, name)

    @precondition(lambda self: self.peers)
    @rule(data=st.data(), name=NAMES, info=INFOS)
    def publish(self, data: Any, name: str, info: FileInfo) -> None:
        peer = data.draw(st.sampled_from(sorted(self.peers)))
        refusal = ""
        displaced: Sequence[str] = ()
        held_some = {who for who, chunks in self.holders.get(name, {}).items() if chunks}
        try:
            displaced = self.directory.publish(peer, name, info, self.now).holders
        except Refused as error:
            refusal = str(error)
        is_other = self.infos.get(name, info) != info
        assert sorted(displaced) == sorted(held_some - {peer} if is_other and not refusal else [])
        if is_other:
            lately = self.is_lately(self.listed_in_part.get(name))
            missed = self.missed.get(name, {})
            must = lately or any(self.is_lately(at) for who, at in missed.items() if who != peer)
            may = lately or self.is_lately(self.left.get(name))
            if self.is_complete(name):
                assert "held by" in refusal
            elif refusal:
                assert "kept for another" in refusal
                assert may
            else:
                assert not must
                self.delist(name)
        else:
            assert not refusal
        if not refusal:
            self.hold(peer, name, info, set(range(info.totalchunknum)))

    @precondition(lambda self: self.peers)
    @rule(data=st.data(), name=NAMES)
    def unpublish(self, data: Any, name: str) -> None:
        peer = data.draw(st.sampled_from(sorted(self.peers)))
        if peer in self.holders.get(name, {}):
            self.directory.unpublish(peer, name)
            self.drop(peer, name)
        elif peer in self.newcomers.get(name, ()):
            self.directory.unpublish(peer, name)
            self.newcomers[name].discard(peer)
        else:
            with pytest.raises(NotFound):
                self.directory.unpublish(peer, name)

    @precondition(lambda self: self.peers)
    @rule(data=st.data(), name=NAMES, info=st.none() | INFOS, chunks=CHUNKS, one=st.booleans())
    def add_chunks(
        self, data: Any, name: str, info: FileInfo | None, chunks: set[int], one: bool
    ) -> None:
        peer = data.draw(st.sampled_from(sorted(self.peers)))
        known = info or self.infos.get(name)
        total = known.totalchunknum if known else 0
        number, bitfield = None, None
        if one:
            number = max(chunks, default=0)
            chunks, fits = {number}, number < total
        else:
            chunks, fits = {n for n in chunks if n < total}, True
            bitfield = ChunkSet.of(total, chunks).to_bitfield()
        expected: Any = None
        if known is None:
            expected = NotFound
        elif not fits:
            expected = InvalidFileInfo
        elif self.infos.get(name, known) != known:
            expected = Refused
        if expected:
            with pytest.raises(expected):
                self.directory.add_chunks(peer, name, info, number, bitfield, self.now)
            return
        self.directory.add_chunks(peer, name, info, number, bitfield, self.now)
        if chunks:
            assert known is not None
            self.hold(peer, name, known, chunks)
        elif name in self.infos and peer not in self.holders[name]:
            self.newcomers[name].add(peer)

    @invariant()
    def agrees(self) -> None:
        """Listed files, their content, their holders and the holders' chunks are the model's."""
        assert list(self.directory) == sorted(self.infos)
        assert set(self.directory.peers) == self.peers
        for name, holders in self.holders.items():
            listed = self.directory[name]
            assert listed.info == self.infos[name]
            assert {peer: set(held) for peer, held in listed.holders.items()} == holders
            total = listed.info.totalchunknum
            assert listed.whole_copies == sum(len(held) == total for held in holders.values())
            assert not total or all(holders.values())
            located = self.directory.locate(name, 1 << 20, Random(1))
            assert located.holders is None
            assert set(listed.holders.newcomers) == self.newcomers[name]
            assert set(located.chunkinfo) == set(holders) | self.newcomers[name]
            for peer, bitfield in located.chunkinfo.items():
                assert set(ChunkSet.from_bitfield(total, bitfield)) == holders.get(peer, set())
        for peer in self.peers:
            held = {n: set(chunks) for n, chunks in self.directory.held_by(peer).items()}
            assert held == {n: h[peer] for n, h in self.holders.items() if peer in h}
        page, more = self.directory.list_page("", "", 1 << 20)
        listed = [(name, file.info, file.since) for name, file in page.items()]
        assert listed == [(n, i, self.since[n]) for n, i in sorted(self.infos.items())]
        assert not more


class TestDirectory(Model.TestCase):  # type: ignore[misc]  # hypothesis makes the class
    """Every sequence of operations leaves the directory as the model says."""

    settings = settings(max_examples=150, stateful_step_count=30, deadline=None)


def listing(*names: str) -> Directory:
    """A directory in which one peer shares files of these names."""
    directory = Directory()
    directory.join("a:1")
    for name in names:
        directory.publish("a:1", name, FileInfo(1, 1, root="ab" * 32), 0.0)
    return directory


@given(
    st.sets(st.text("ab/\u00e9", min_size=1, max_size=4).filter(lambda n: "//" not in n)),
    st.sampled_from(["", "a", "ab", "\u00e9", "b/"]),
    st.integers(0, 1500),
    st.integers(1, 4),
)
def test_pages_make_up_the_whole_list(
    names: set[str], prefix: str, room: int, entries: int
) -> None:
    """Going on with `after` yields each name with the prefix once, in order, however small."""
    names = {name for name in names if not (name.startswith("/") or name.endswith("/"))}
    directory = listing(*names)
    seen: list[str] = []
    more = True
    while more:
        page, more = directory.list_page(prefix, seen[-1] if seen else "", room, entries)
        assert len(page) <= entries
        assert page or not more
        seen += page
    assert seen == sorted(name for name in names if name.startswith(prefix))


def test_a_page_fits_its_room_on_the_line() -> None:
    """Names that grow when they are written, and the largest numbers, are allowed for."""
    directory = Directory()
    directory.join("a:1")
    info = FileInfo((1 << 30) * 65_536, 65_536, 1 << 30, "ab" * 32)
    for number in range(200):
        directory.publish("a:1", '"' * 1000 + str(number), info, 0.0)
    page, more = directory.list_page("", "", 50_000)
    infos = {name: listed.info for name, listed in page.items()}
    line = m.encode(m.ReplyFileList(infos, more, [9_999_999_999] * len(infos)))
    assert more
    assert 40_000 < len(line) <= 50_000 + 100


def test_a_prefix_behind_after_begins_at_the_prefix() -> None:
    """`prefix` and `after` limit the list independently of each other."""
    directory = listing("a", "b1", "b2", "c")
    assert list(directory.list_page("b", "a", 10_000)[0]) == ["b1", "b2"]
    assert list(directory.list_page("b", "b1", 10_000)[0]) == ["b2"]
    assert list(directory.list_page("b", "c", 10_000)[0]) == []


def test_a_selection_shares_nothing_that_changes() -> None:
    """What a holder adds or drops later does not show in a location given out before."""
    directory = listing("f")
    directory.join("b:1")
    directory.publish("b:1", "f", FileInfo(1, 1, root="ab" * 32), 0.0)
    located = directory.locate("f", 2000, Random(1))
    directory.add_chunks("b:1", "f", None, 0, None, 0.0)
    directory.unpublish("a:1", "f")
    assert located.chunkinfo == {"a:1": b"\x80", "b:1": b"\x80"}


@pytest.mark.parametrize("name", ["", "../up", "/abs", "a\nb", "e\u0301"])
def test_only_valid_names_are_listed(name: str) -> None:
    """A name from the network passes the validator before it is listed, by either way."""
    directory = listing()
    info = FileInfo(1, 1)
    with pytest.raises(InvalidName):
        directory.publish("a:1", name, info, 0.0)
    with pytest.raises(InvalidName):
        directory.add_chunks("a:1", name, info, 0, None, 0.0)
    assert list(directory) == []
    assert directory.held_by("a:1") == {}


@pytest.mark.parametrize(("number", "bitfield"), [(None, None), (0, b"\x80")])
def test_chunks_are_named_in_one_way(number: int | None, bitfield: bytes | None) -> None:
    """Neither or both of chunknum and chunks is an error."""
    with pytest.raises(InvalidFileInfo, match="either"):
        listing("f").add_chunks("a:1", "f", None, number, bitfield, 0.0)


def test_newcomers_are_forgotten_with_the_last_holder() -> None:
    """What is listed anew under the name has none, and they may hold something else by then."""
    directory = listing("f")
    directory.join("b:1")
    other = FileInfo(2, 2, 1, root="cd" * 32)
    directory.add_chunks("b:1", "f", None, None, b"\0", 0.0)
    assert directory["f"].holders.newcomers == ["b:1"]
    directory.unpublish("a:1", "f")
    assert "f" not in directory
    directory.publish("a:1", "f", other, 0.0)
    assert directory["f"].holders.newcomers == []
    directory.leave("b:1", 0.0)
    assert "f" in directory
