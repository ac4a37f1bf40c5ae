"""In an open swarm names belong to keys, and may go unsigned."""

from __future__ import annotations

import msgspec
import pytest

from p2pfs.errors import BadSignature
from p2pfs.membership import OpenNames
from p2pfs.membership.name_signing import SigningClock
from p2pfs.membership.signature import sign
from tests.membership.private_swarm import INFO, OTHER, key_of
from tests.membership.swarms import NOW


def names(member: str | None = None, now: float = NOW) -> OpenNames:
    """What a peer signs with; without a name, what a tracker does."""
    return OpenNames(lambda: now, None if member is None else key_of(member))


def test_what_a_peer_signs_all_believe() -> None:
    """And they see whose key it is."""
    signature = names("a").sign("f", INFO)
    assert (signature.at, signature.key, signature.chain) == (int(NOW), key_of("a").public, ())
    names().check("f", INFO, signature)
    assert not names().is_void(signature)
    assert str(names().signer(signature)) == f"the key {key_of('a').fingerprint[:16]}"


def test_what_is_not_signed_is_believed_too() -> None:
    """Other clients know nothing of signatures."""
    names().check("f", INFO, None)
    assert names().signer(None) is None
    assert not names().required


def test_what_is_signed_wrongly_is_not() -> None:
    """For another name or content, by a member of somewhere else, or odd."""
    signature = names("a").sign("f", INFO)
    member = sign(key_of("a"), "f", INFO, int(NOW), (b"certificate",))
    odd = msgspec.structs.replace(signature, key=b"")
    for name, info, wrong in [
        ("g", INFO, signature),
        ("f", OTHER, signature),
        ("f", INFO, member),
        ("f", INFO, odd),
    ]:
        with pytest.raises(BadSignature):
            names().check(name, info, wrong)
    assert names().is_void(member)


def test_clocks_do_not_matter() -> None:
    """A machine whose clock is years off publishes as any other, and nobody else has harm of it."""
    for off in (-1e9, 1e9):
        names().check("f", INFO, names("a", NOW + off).sign("f", INFO))


def test_a_name_is_its_keys() -> None:
    """Only the same key is the owner."""
    one, again, other = names("a").sign("f", INFO), names("a").sign("f", OTHER), names("b")
    assert names().is_same_owner(one, again)
    assert not names().is_same_owner(one, other.sign("f", OTHER))
    member = sign(key_of("a"), "f", INFO, int(NOW), (b"certificate",))
    assert not names().is_same_owner(member, member)


def test_a_tracker_signs_nothing() -> None:
    """It has no key."""
    with pytest.raises(BadSignature):
        names().check_may_sign("f")
    with pytest.raises(BadSignature):
        names().sign("f", INFO)
    names("a").check_may_sign("f")


def test_each_time_a_name_is_signed_later() -> None:
    """The latest counts, and who publishes twice within a second means the second."""
    now = NOW
    clock = SigningClock(lambda: now)
    assert [clock.next("f"), clock.next("f"), clock.next("g"), clock.next("f")] == [
        int(NOW),
        int(NOW) + 1,
        int(NOW),
        int(NOW) + 2,
    ]
    now += 1
    assert clock.next("f") == int(NOW) + 3
    now += 10
    assert clock.next("f") == int(NOW) + 11
    # Nothing is remembered of what cannot matter any more.
    assert list(clock._latest) == ["f"]
    now -= 5
    assert clock.next("f") == int(NOW) + 12
