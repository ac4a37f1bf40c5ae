"""Whose word counts on what a name means, where it is signed: as peers meet it in the directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest

from p2pfs.chunks import FileInfo
from p2pfs.errors import BadSignature, P2pfsError
from p2pfs.membership import NameSigning, OpenNames, Role, Signature
from p2pfs.tracker.directory import Directory
from tests.membership.private_swarm import INFO, OTHER, PrivateSwarm, key_of
from tests.membership.swarms import DAY, NOW


class Counting:
    """Signs nothing, and counts what is checked."""

    def __init__(self, names: NameSigning) -> None:
        self._names = names
        self.checks = 0
        self.required = names.required
        self.is_void = names.is_void
        self.is_same_owner = names.is_same_owner

    def check(self, name: str, info: FileInfo, signature: Signature | None) -> None:
        self.checks += 1
        self._names.check(name, info, signature)


class Signs(Protocol):
    """Who signs a name."""

    def sign(self, name: str, info: FileInfo) -> Signature:
        """Say what it means."""


class Scene:
    """A directory, and peers that show it what they, or others, have signed."""

    def __init__(self, names: NameSigning, sign: Callable[[str, float], Signs]) -> None:
        self.names = Counting(names)
        self.directory = Directory(signing=self.names)  # type: ignore[arg-type]  # it cannot sign
        for peer in ("a:1", "b:1", "c:1", "d:1"):
            self.directory.join(peer)
        self._sign = sign

    def signed(
        self, by: str, info: FileInfo = INFO, after: float = 0, name: str = "f"
    ) -> Signature:
        """Signed so many seconds from the beginning."""
        return self._sign(by, NOW + after).sign(name, info)

    def publish(
        self, peer: str, info: FileInfo = INFO, signature: Signature | None = None, name: str = "f"
    ) -> tuple[list[str], bool]:
        """Who lost what they held by that, and whether by the word of the name's owner."""
        displaced = self.directory.publish(peer, name, info, 0.0, signature)
        return list(displaced.holders), displaced.by_owner

    def register(
        self,
        peer: str,
        info: FileInfo = INFO,
        signature: Signature | None = None,
        chunks: bytes = b"\x80",
    ) -> list[str]:
        displaced = self.directory.add_chunks(peer, "f", info, None, chunks, 0.0, signature)
        return list(displaced.holders)

    def refused(self, what: Callable[..., object], *args: Any) -> str:
        """Why that is refused; nothing changes by it."""
        before = self.state
        with pytest.raises(P2pfsError) as raised:
            what(*args)
        assert self.state == before
        return str(raised.value)

    @property
    def state(self) -> object:
        memory = self.directory.memory
        if "f" not in self.directory:
            return memory
        listed = self.directory["f"]
        return listed.info, listed.signature, dict(listed.holders), memory


@pytest.fixture
def free() -> Scene:
    """An open swarm."""
    return Scene(OpenNames(lambda: NOW), lambda by, now: OpenNames(lambda: now, key_of(by)))


@pytest.fixture
def swarm(tmp_path: Path) -> PrivateSwarm:
    """Two publishers of everything, one of models, and a reader."""
    swarm = PrivateSwarm(tmp_path / "authority")
    for name in ("a", "b"):
        swarm.join(name)
    swarm.join("models", Role.PUBLISHER, "models/*")
    swarm.join("reader", Role.READER)
    return swarm


@pytest.fixture
def private(swarm: PrivateSwarm) -> Scene:
    """A private one."""

    return Scene(swarm.names(), lambda by, now: At(swarm, by, now))


class At:
    """Signs at a time of its own; nothing else is asked of it."""

    def __init__(self, swarm: PrivateSwarm, by: str, now: float) -> None:
        self._swarm, self._by, self._now = swarm, by, now

    def sign(self, name: str, info: FileInfo) -> Signature:
        before, self._swarm.now = self._swarm.now, self._now
        try:
            return self._swarm.names(self._by).sign(name, info)
        finally:
            self._swarm.now = before


# In both


@pytest.mark.parametrize("kind", ["free", "private"])
def test_who_owns_a_name_has_it_changed_at_once(kind: str, request: pytest.FixtureRequest) -> None:
    """Also while others have all of what was; and then nobody brings that back."""
    scene: Scene = request.getfixturevalue(kind)
    old, new = scene.signed("a"), scene.signed("a", OTHER, 1)
    assert scene.publish("a:1", INFO, old) == ([], False)
    assert scene.publish("b:1", INFO, old) == ([], False)
    scene.register("c:1", INFO, old)
    assert scene.publish("a:1", OTHER, new) == (["b:1", "c:1"], True)
    assert scene.directory["f"].signature == new
    assert scene.directory.locate("f", 1 << 20, None).signature == new  # type: ignore[arg-type]  # nothing is drawn
    for peer in ("b:1", "d:1"):
        assert "A newer content" in scene.refused(scene.publish, peer, INFO, old)
        assert "A newer content" in scene.refused(scene.register, peer, INFO, old)
    # Nor at the same second.
    same = scene.signed("a", INFO, 1)
    assert "A newer content" in scene.refused(scene.publish, "a:1", INFO, same)


@pytest.mark.parametrize("kind", ["free", "private"])
def test_an_older_content_does_not_come_back_when_nobody_has_the_newer(
    kind: str, request: pytest.FixtureRequest
) -> None:
    """As long as the tracker knows of that: a part of it is left."""
    scene: Scene = request.getfixturevalue(kind)
    scene.publish("a:1", OTHER, scene.signed("a", OTHER, 1))
    scene.register("b:1", OTHER)
    scene.directory.leave("a:1", 0.0)
    old = scene.signed("a")
    assert "A newer content" in scene.refused(scene.publish, "c:1", INFO, old)
    publish = scene.directory.publish
    assert "A newer content" in scene.refused(publish, "c:1", "f", INFO, 1000.0, old)


@pytest.mark.parametrize("kind", ["free", "private"])
def test_a_part_of_a_newer_content_replaces_an_older_one(
    kind: str, request: pytest.FixtureRequest
) -> None:
    """After the tracker's restart, those may be first that have not heard of it."""
    scene: Scene = request.getfixturevalue(kind)
    scene.publish("b:1", INFO, scene.signed("a"))
    new = scene.signed("a", OTHER, 1)
    assert "Another content" in scene.refused(scene.register, "c:1", OTHER, new, b"\0")
    assert scene.register("c:1", OTHER, new) == ["b:1"]
    assert (scene.directory["f"].info, scene.directory["f"].signature) == (OTHER, new)


@pytest.mark.parametrize("kind", ["free", "private"])
def test_holders_of_what_is_listed_cost_no_check(kind: str, request: pytest.FixtureRequest) -> None:
    """A tracker that was restarted hears of the same file from thousands, with one signature."""
    scene: Scene = request.getfixturevalue(kind)
    signature = scene.signed("a")
    scene.publish("a:1", INFO, signature)
    assert scene.names.checks == 1
    again = msgspec.json.decode(msgspec.json.encode(signature), type=Signature)
    scene.publish("b:1", INFO, again)
    scene.register("c:1", INFO, again)
    scene.register("d:1", INFO)
    # Nor does what is signed earlier, whatever it says.
    scene.publish("b:1", INFO, scene.signed("a", INFO, -5))
    assert scene.names.checks == 1
    assert sorted(scene.directory["f"].holders) == ["a:1", "b:1", "c:1", "d:1"]


@pytest.mark.parametrize("kind", ["free", "private"])
def test_what_is_signed_wrongly_changes_nothing(kind: str, request: pytest.FixtureRequest) -> None:
    """Neither a new name, nor one that is listed."""
    scene: Scene = request.getfixturevalue(kind)
    wrong = scene.signed("a", INFO, 2, "g")
    for what in (scene.publish, scene.register):
        assert "another name or content" in scene.refused(what, "a:1", INFO, wrong)
    scene.publish("a:1", INFO, scene.signed("a"))
    for what in (scene.publish, scene.register):
        for info in (INFO, OTHER):
            refusal = scene.refused(what, "a:1", info, wrong)
            assert "another name or content" in refusal


@pytest.mark.parametrize("kind", ["free", "private"])
def test_memory_is_charged_for_signatures(kind: str, request: pytest.FixtureRequest) -> None:
    """To each holder, also when another signature takes the place of one; and given back."""
    scene: Scene = request.getfixturevalue(kind)
    signature, later = scene.signed("a"), scene.signed("a", INFO, 1)
    plain = Directory()
    plain.join("a:1")
    plain.publish("a:1", "f", INFO, 0.0)
    scene.publish("a:1", INFO, signature)
    each = scene.directory.memory
    assert each >= plain.memory + signature.size
    scene.register("b:1")
    scene.register("c:1", chunks=b"\0")
    assert scene.directory.memory == 3 * each
    scene.publish("d:1", INFO, later)
    assert scene.directory.memory == 4 * (each + later.size - signature.size)
    for peer in ("a:1", "b:1", "c:1"):
        scene.directory.leave(peer, 0.0)
    scene.directory.unpublish("d:1", "f")
    assert scene.directory.memory == 0


# In an open swarm


def test_another_key_or_nobody_has_no_say_while_it_is_there(free: Scene) -> None:
    """It is as it is with names that nobody signs."""
    free.publish("a:1", INFO, free.signed("a"))
    for signature in (None, free.signed("b", OTHER, 5)):
        assert "held by a:1" in free.refused(free.publish, "b:1", OTHER, signature)
        assert "held by a:1" in free.refused(free.register, "b:1", OTHER, signature)
    # With what is signed by another all the same nothing happens, if it is the same content.
    free.publish("b:1", INFO, free.signed("b", INFO, 5))
    assert free.directory["f"].signature == free.signed("a")


def test_what_nobody_can_complete_is_anybodys(free: Scene) -> None:
    """A key that is gone for good blocks its names no longer than anybody does."""
    free.publish("a:1", INFO, free.signed("a"))
    free.register("b:1", INFO)
    free.directory.leave("a:1", 0.0)
    other = free.signed("c", OTHER, -5)
    wrong = free.signed("c", OTHER, -5, "g")
    assert "kept for another" in free.refused(free.publish, "c:1", OTHER, other)
    with pytest.raises(BadSignature):
        free.directory.publish("c:1", "f", OTHER, 1000.0, wrong)
    displaced = free.directory.publish("c:1", "f", OTHER, 1000.0, other)
    assert (list(displaced.holders), displaced.by_owner) == (["b:1"], False)
    assert free.directory["f"].signature == other


def test_who_fetched_a_file_that_nobody_signed_does_not_get_its_name(free: Scene) -> None:
    """Who has published it may sign it later, as long as nobody else has any of it."""
    free.publish("a:1")
    free.publish("a:1", INFO, free.signed("a"))
    assert free.directory["f"].signature == free.signed("a")
    free.directory.unpublish("a:1", "f")
    free.publish("a:1")
    free.publish("b:1", INFO, free.signed("b"))
    assert free.directory["f"].signature is None
    assert "held by" in free.refused(free.publish, "b:1", OTHER, free.signed("b", OTHER, 1))


def test_memory_is_charged_for_a_signature_that_comes_later(free: Scene) -> None:
    """To all who have something to do with the file, and given back."""
    free.publish("a:1")
    free.register("b:1", chunks=b"\0")
    plain, signature = free.directory.memory, free.signed("a")
    free.publish("a:1", INFO, signature)
    assert free.directory.memory >= plain + 2 * signature.size
    free.directory.leave("a:1", 0.0)
    assert free.directory.memory == 0


# In a private one


def test_what_no_publisher_has_signed_is_not_listed(private: Scene, swarm: PrivateSwarm) -> None:
    """Not by nobody, nor a reader; but a reader may bring what a publisher has signed."""
    assert "is not signed" in private.refused(private.publish, "a:1")
    assert "is not signed" in private.refused(private.register, "a:1")
    assert "f" not in private.directory
    private.publish("c:1", INFO, private.signed("a"))
    assert "is not signed" in private.refused(private.publish, "b:1", OTHER)
    # What it stands for is known by then.
    private.publish("d:1", INFO)
    assert sorted(private.directory["f"].holders) == ["c:1", "d:1"]


def test_each_publisher_may_have_the_last_word(private: Scene) -> None:
    """That is what publishers are; who may publish only other names has none."""
    private.publish("a:1", INFO, private.signed("a"))
    assert private.publish("b:1", OTHER, private.signed("b", OTHER, 1)) == (["a:1"], True)
    private.publish("c:1", OTHER, private.signed("a", OTHER, 2))
    assert private.directory["f"].signature == private.signed("a", OTHER, 2)


def test_revoked_words_are_forgotten_until_another_says_the_same(
    private: Scene, swarm: PrivateSwarm
) -> None:
    """Those who hold it are named, so they can be told; names of others stay."""
    old = private.signed("a")
    private.publish("a:1", INFO, old)
    private.register("b:1", INFO)
    private.register("c:1", chunks=b"\0")
    private.publish("a:1", INFO, private.signed("b", name="g"), name="g")
    assert private.directory.drop_void() == {}
    swarm.revoke("a")
    assert private.directory.drop_void() == {"f": ["a:1", "b:1"]}
    assert list(private.directory) == ["g"]
    assert "a is revoked" in private.refused(private.publish, "a:1", INFO, old)
    private.publish("d:1", INFO, private.signed("b", INFO, -5))
    # Who has the word of the revoked one alone is a holder again.
    private.register("b:1", INFO, old)
    assert sorted(private.directory["f"].holders) == ["b:1", "d:1"]
    assert private.directory["f"].signature == private.signed("b", INFO, -5)


def test_a_name_outlives_the_certificate(private: Scene, swarm: PrivateSwarm) -> None:
    """A tracker that was restarted after a year lists it again."""
    signature = private.signed("a")
    swarm.now += 365 * DAY
    private.publish("c:1", INFO, signature)
    assert private.directory["f"].signature == signature


def test_an_open_directory_takes_no_member_for_an_owner(free: Scene, private: Scene) -> None:
    """Certificates mean nothing there."""
    signature = private.signed("a")
    assert "private swarm" in free.refused(free.publish, "a:1", INFO, signature)
    free.publish("a:1")
    other = private.signed("a", OTHER, 1)
    assert "held by a:1" in free.refused(free.publish, "b:1", OTHER, other)
