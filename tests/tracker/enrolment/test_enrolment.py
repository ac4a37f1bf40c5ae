"""The tracker's part in a private swarm: joining, renewing, revoking."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pfs.errors import InvalidMember, NotFound, Refused
from p2pfs.identity import PeerKey
from p2pfs.membership import (
    Authority,
    Member,
    RevocationList,
    Role,
    request_certificate,
    verify,
)
from p2pfs.testing import InlineReactor
from p2pfs.tracker.enrolment import (
    Enrolment,
    Invitations,
    NotEnrolled,
    NotInvited,
    Records,
    Terms,
)
from tests.tracker.enrolment.applicants import DAY, NOW

PUBLISHER = Terms(Role.PUBLISHER, ("models/*",))
KEY = PeerKey.from_seed(bytes(32))


class Desk:
    """An enrolment, whose threads do their work at once."""

    def __init__(self, directory: Path) -> None:
        self.now = NOW
        entropy = Random(1).randbytes
        self.reactor = InlineReactor()
        self.authority = Authority.create(directory / "authority", entropy, self.time)
        self.records = Records(directory / "db")
        invitations = Invitations(
            self.records,
            clock=self.reactor,
            time=self.time,
            entropy=entropy,
            say=lambda format, **fields: None,
        )
        self.lists: list[RevocationList] = []
        self.enrolment = Enrolment(
            self.reactor,
            self.authority,
            "tracker",
            self.records,
            invitations,
            self.time,
            self.lists.append,
        )

    def time(self) -> float:
        return self.now

    def invite(self, terms: Terms = PUBLISHER, uses: int = 1) -> bytes:
        """A secret that is good for an hour."""
        return result_of(self.enrolment.invite(terms, uses, 3600.0))

    def join(self, secret: bytes, name: str = "gpu-17", key: PeerKey = KEY) -> Any:
        """The chain that somebody gets."""
        request = request_certificate(key, "whatever")
        joining = self.enrolment.join(secret, name, request, "192.0.2.7", "192.0.2.7:40000")
        return result_of(joining)

    def member(self, chain: Any) -> Member:
        """Who that chain makes one, now."""
        newest = self.lists[-1] if self.lists else None
        return verify(chain, self.authority.certificate, newest, self.now)


def result_of(work: Any) -> Any:
    """What a coroutine comes to that waits for nothing."""
    outcome: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(outcome.append)
    [result] = outcome
    if isinstance(result, Failure):
        result.raiseException()
    return result


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """One with an authority of its own, and nobody on record."""
    desk = Desk(tmp_path)
    yield desk
    desk.records.close()


def test_an_invitation_makes_a_member(desk: Desk) -> None:
    """Of the role and patterns that it was made for, under the name and key that came."""
    member = desk.member(desk.join(desk.invite(), "GPU-17"))
    assert (member.name, member.role, member.patterns) == ("gpu-17", *vars(PUBLISHER).values())
    assert member.key == KEY.public
    [enrolled] = result_of(desk.enrolment.members())
    assert (enrolled.name, enrolled.serial) == ("gpu-17", member.serial)
    assert (enrolled.until, enrolled.address) == (member.not_after, "192.0.2.7:40000")


def test_the_chain_leads_up_to_the_authority(desk: Desk) -> None:
    """By it the joining side knows the swarm by its fingerprint."""
    chain = desk.join(desk.invite())
    assert chain[1:] == desk.authority.chain


def test_nobody_is_called_as_the_tracker(desk: Desk) -> None:
    """Members would take it for the tracker, were it not for its role."""
    secret = desk.invite()
    with pytest.raises(NotEnrolled, match="another name"):
        desk.join(secret, "Tracker")
    assert desk.member(desk.join(secret)).name == "gpu-17"


@pytest.mark.parametrize("name", ["", "not a name", "192.0.2.1"])
def test_a_name_that_cannot_be_takes_no_use(desk: Desk, name: str) -> None:
    """Nor does a request that is none."""
    secret = desk.invite()
    with pytest.raises(InvalidMember):
        desk.join(secret, name)
    with pytest.raises(InvalidMember):
        result_of(desk.enrolment.join(secret, "gpu-17", b"nonsense", "h", "h"))
    assert desk.member(desk.join(secret)).name == "gpu-17"


def test_a_certificate_is_renewed_for_the_same_key(desk: Desk) -> None:
    """From now on, as what the record says."""
    first = desk.member(desk.join(desk.invite()))
    desk.now += 21 * DAY
    second = desk.member(result_of(desk.enrolment.renew(first, "192.0.2.7:6881")))
    assert (second.name, second.key, second.patterns) == (first.name, first.key, first.patterns)
    assert second.not_after == first.not_after + 21 * DAY
    assert second.serial != first.serial


def test_a_revocation_is_of_all_that_one_has(desk: Desk) -> None:
    """The old certificate and the renewed one; and there is no further renewal."""
    chains = [desk.join(desk.invite())]
    first = desk.member(chains[0])
    chains.append(result_of(desk.enrolment.renew(first, "a")))
    result_of(desk.enrolment.revoke("GPU-17"))
    [newest] = desk.lists
    for chain in chains:
        with pytest.raises(Exception, match="is revoked"):
            desk.member(chain)
    assert len(newest.revoked) == 2
    with pytest.raises(NotEnrolled):
        result_of(desk.enrolment.renew(first, "a"))


def test_the_invitation_of_a_revoked_one_is_over(desk: Desk) -> None:
    """By it, it would be back at once; another one lets it in."""
    secret = desk.invite(uses=10)
    desk.join(secret)
    result_of(desk.enrolment.revoke("gpu-17"))
    with pytest.raises(NotInvited):
        desk.join(secret)
    assert desk.member(desk.join(desk.invite())).name == "gpu-17"


def test_lists_go_out_in_the_order_of_their_numbers(desk: Desk) -> None:
    """Also of revocations at the same time: a later one with a lower number would be ignored."""
    secret = desk.invite(uses=2)
    for number in range(2):
        desk.join(secret, f"gpu-{number}", PeerKey.from_seed(bytes([number]) * 32))
    desk.reactor.held = True
    revoking = [Deferred.fromCoroutine(desk.enrolment.revoke(f"gpu-{n}")) for n in range(2)]
    desk.reactor.release()
    assert all(each.called for each in revoking)
    assert [len(each.revoked) for each in desk.lists] == [1, 2]
    assert desk.lists[1].is_newer_than(desk.lists[0])


def test_what_was_revoked_stays_so(desk: Desk) -> None:
    """The list that is made at the start of a tracker is newer than all before, and complete."""
    desk.join(desk.invite())
    result_of(desk.enrolment.revoke("gpu-17"))
    anew = desk.enrolment.revocations()
    assert anew.is_newer_than(desk.lists[0])
    assert anew.revoked == desk.lists[0].revoked


def test_what_cannot_be_revoked(desk: Desk) -> None:
    """Nobody of that name, and the tracker itself, without which no list could go out."""
    with pytest.raises(NotFound):
        result_of(desk.enrolment.revoke("nobody"))
    with pytest.raises(Refused, match="cannot revoke itself"):
        result_of(desk.enrolment.revoke("tracker"))
    assert not desk.lists


def test_members_are_noted_where_they_were_seen(desk: Desk) -> None:
    """For the list of members; and invitations that are over are noted as such."""
    desk.join(desk.invite())
    desk.now += 7200
    result_of(desk.enrolment.tend([("gpu-17", "192.0.2.8:6881", desk.now)]))
    [enrolled] = result_of(desk.enrolment.members())
    assert (enrolled.address, enrolled.seen) == ("192.0.2.8:6881", NOW + 7200)
    assert all(issued.ended or not issued.uses_left for issued in desk.records.invitations())
