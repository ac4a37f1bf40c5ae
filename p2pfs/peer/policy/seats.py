"""Who gets one of a download's connections, and who makes room for it. Pure.

Anybody can claim to hold a file, at any number of ports. So places go first to sources that
are proven; those that are not have them in turn, hosts alike, those that came to nothing
behind the others. As long as there is room, everybody has one.

The tracker may pass on that others had chunks from a source. Anybody can have said so; so
those for whom somebody does and those for whom nobody does have places by turns, the former
first. An honest one among few is soon found, whoever else has false witnesses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from p2pfs.addresses import Address

Rank: TypeAlias = tuple[bool, int, int]

UNPROVEN_PART = 4
"""One place in that many is left to those that are not proven, whoever else could use it."""


@dataclass(frozen=True)
class Claim:
    """What speaks for one source: to get a place, or to keep it.

    ``setbacks`` are how often it came to nothing, and ``host_setbacks`` how often all of its
    host did that are not proven. Of those that have a place, ``sends`` says that something comes
    from it, ``in_vain`` that nothing did in all the time of its trial. ``vouched_for`` says that
    others had chunks from it, by their own word.
    """

    address: Address
    host: str
    proven: bool
    setbacks: int
    host_setbacks: int
    sends: bool = False
    in_vain: bool = False
    vouched_for: bool = False

    @property
    def rank(self) -> Rank:
        """The less, the sooner it gets a place."""
        return not self.proven, 0 if self.proven else self.host_setbacks, self.setbacks

    @property
    def rank_after(self) -> Rank:
        """The same after one more setback."""
        return not self.proven, self.host_setbacks + 1, self.setbacks + 1


def share_out(
    waiting: Sequence[Claim], placed: Iterable[Claim], places: int
) -> tuple[list[Address], list[Address]]:
    """Who gets a place, and who loses one for that; equal claims by their order.

    A proven one takes it from those that are not and send nothing, but for their part. Else a
    trial in vain makes room for a source that then has the better claim, and a host of several
    for one of fewer.
    """
    held = {claim.address: claim for claim in placed}
    per_host = Counter(claim.host for claim in held.values())
    per_word = Counter((claim.rank, claim.vouched_for) for claim in held.values())
    gets: list[Address] = []
    loses: list[Address] = []
    for claim in _in_turn(waiting, per_host, per_word):
        if len(held) >= places:
            loser = _loser(claim, held.values(), per_host, places)
            if loser is None:
                break
            del held[loser.address]
            per_host[loser.host] -= 1
            loses.append(loser.address)
        held[claim.address] = claim
        per_host[claim.host] += 1
        gets.append(claim.address)
    return gets, loses


def _in_turn(
    waiting: Sequence[Claim], per_host: Counter[str], per_word: Counter[tuple[Rank, bool]]
) -> list[Claim]:
    """Hosts one after the other, as far as their claims are equal; then those with and without
    others' word in turn, and the former first."""
    of_host, of_word = Counter(per_host), Counter(per_word)
    keys = []
    for number, claim in sorted(enumerate(waiting), key=lambda item: item[1].rank):
        of_host[claim.host] += 1
        of_word[claim.rank, claim.vouched_for] += 1
        turn = of_word[claim.rank, claim.vouched_for]
        keys.append((claim.rank, of_host[claim.host], turn, not claim.vouched_for, number))
    return [waiting[number] for *_, number in sorted(keys)]


def _loser(
    newcomer: Claim, held: Iterable[Claim], per_host: Counter[str], places: int
) -> Claim | None:
    """Who has the least claim to the place it has, and less than the newcomer."""
    unproven = [claim for claim in held if not claim.proven]
    preferred = newcomer.proven and len(unproven) > places // UNPROVEN_PART
    able = [
        claim
        for claim in unproven
        if (claim.in_vain and newcomer.rank < claim.rank_after)
        or (not claim.sends and preferred)
        or (not claim.sends and per_host[claim.host] > per_host[newcomer.host] + 1)
    ]
    return max(
        able, key=lambda claim: (claim.in_vain, per_host[claim.host], claim.rank), default=None
    )
