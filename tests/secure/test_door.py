"""The door of an open swarm, and who is known behind any."""

from __future__ import annotations

from types import SimpleNamespace

from pytest_twisted import ensureDeferred
from twisted.internet.testing import StringTransport

from p2pfs.membership import Member, Role
from p2pfs.secure import A_PEER, A_TRACKER, Door, OpenDoor, TlsDoor, member_of
from tests.secure.ends import Keeper, Keepers, Listening

DOORS: list[type[Door]] = [OpenDoor, TlsDoor]
"""A type checker sees here that both are doors."""


def test_an_open_door_changes_nothing_on_a_listening_side() -> None:
    """The factory that is guarded is the one that listens."""
    factory = Keepers()
    assert OpenDoor().guard(factory) is factory


@ensureDeferred
async def test_an_open_door_connects_to_whoever_is_there(listening: Listening) -> None:
    """Nobody is known, whoever is expected."""
    listening.listen(listening.factory)
    keeper = await OpenDoor().connect(listening.endpoint, Keepers(), A_TRACKER.named("tracker"))
    assert isinstance(keeper, Keeper)
    assert keeper.member is None
    keeper.transport.abortConnection()
    await keeper.lost


def test_only_a_member_counts() -> None:
    """A transport that has something else by that name has nobody behind it."""
    member = Member("alice", Role.READER, (), bytes(32), 1, 0.0, 1.0)
    assert member_of(SimpleNamespace(member=member)) is member
    assert member_of(SimpleNamespace(member="alice")) is None
    assert member_of(StringTransport()) is None
    assert member_of(None) is None


def test_naming_somebody_leaves_the_roles() -> None:
    """Who has to be one certain peer still has to be a peer."""
    assert A_PEER.named("alice").roles == A_PEER.roles
    assert A_PEER.named("alice").name == "alice"
    assert A_PEER.name is None
