"""Which histories are of private swarms, who is what there, and what comes of members.

It is drawn beside `soak.plan`, from the same seed, so that a history is otherwise as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from p2pfs.membership import Role
from p2pfs.tracker.enrolment import Terms
from tests.soak.plan import TRACKER, TREE, Fault, Plan, Publish

SHARE = 1 / 3
"""The portion of histories that are of private swarms."""

STRANGERS = ("plain", "nameless", "foreign")
"""What a stranger shows: nothing, no certificate, or one of another swarm's authority."""

SKEW = 290.0
"""Seconds by which a clock may be wrong: five minutes, so that two differ by less than ten."""

MONTH = 21 * 86_400.0
"""Seconds after which certificates are to be renewed, and have not expired."""


@dataclass(frozen=True)
class Revoke:
    """A host's member is revoked."""

    member: str


@dataclass(frozen=True)
class SignAgain:
    """A publisher publishes what it has of a name, once more."""

    peer: str
    name: str


@dataclass(frozen=True)
class NextMonth:
    """It is `MONTH` later, for all."""


PrivateAct = Revoke | SignAgain | NextMonth


@dataclass(frozen=True)
class PrivatePlan:
    """What a history of a private swarm has beside a plan."""

    terms: Mapping[str, Terms]
    """What each peer is invited for."""
    strangers: Mapping[str, str]
    """Of those who mean harm, who is no member, and of which of `STRANGERS` it is."""
    clocks: Mapping[str, float]
    """Seconds by which clocks are wrong."""
    acts: Sequence[tuple[float, PrivateAct | Fault]]
    end: float
    """When all of that is over."""


def draw_private(plan: Plan) -> PrivatePlan | None:
    """What is drawn for that plan; None for an open swarm."""
    random = Random(f"private {plan.seed}")
    if random.random() >= SHARE:
        return None
    names = [host.name for host in plan.hosts]
    publishes = [(act.peer, act.file.name) for _, act in plan.acts if isinstance(act, Publish)]
    publishers = {peer for peer, _ in publishes}
    terms = {name: _terms(random, name in publishers) for name in names}
    hostile = [host.name for host in (*plan.liars, *plan.greedy, *(f.host for f in plan.false))]
    strangers = {name: random.choice(STRANGERS) for name in hostile if random.random() < 0.5}
    clocks = {name: random.choice([0, 0, 0, 0, -SKEW, SKEW]) for name in (TRACKER, *names)}
    acts: list[tuple[float, PrivateAct | Fault]] = []
    if random.random() < 0.6:
        bad = [name for name in hostile if name not in strangers]
        acts += _revocations(random, publishes, [*names, *bad], terms)
    if random.random() < 0.3:
        acts += _next_month(random)
    acts.sort(key=lambda item: item[0])
    over = [at + (act.seconds if isinstance(act, Fault) else 0.0) for at, act in acts]
    return PrivatePlan(terms, strangers, clocks, acts, max([0.0, *over]) + 1.0)


def _terms(random: Random, is_publisher: bool) -> Terms:
    """Who publishes may do so in most cases; of the others few may."""
    role = random.choices(["all", "some", "reader"], [7, 2, 1] if is_publisher else [2, 0, 5])[0]
    if role == "reader":
        return Terms(Role.READER)
    some = random.choice(["f*", f"{TREE}*", "f0"])
    return Terms(Role.PUBLISHER, ("*",) if role == "all" else (some,))


def _revocations(
    random: Random,
    publishes: Sequence[tuple[str, str]],
    members: Sequence[str],
    terms: Mapping[str, Terms],
) -> list[tuple[float, PrivateAct | Fault]]:
    """Of one or two, more often of those who have published; then others may say the same."""
    acts: list[tuple[float, PrivateAct | Fault]] = []
    candidates = [*members, *(peer for peer, _ in publishes)]
    for _ in range(random.choice([1, 1, 1, 2])):
        member, at = random.choice(candidates), random.uniform(3.0, 45.0)
        acts.append((at, Revoke(member)))
        others = [
            (at + random.uniform(0.5, 20.0), SignAgain(other, name))
            for peer, name in publishes
            for other, its in terms.items()
            if peer == member != other and its.role is Role.PUBLISHER
        ]
        acts += [other for other in others if random.random() < 0.7]
    return acts


def _next_month(random: Random) -> list[tuple[float, PrivateAct | Fault]]:
    """Certificates are to be renewed; the tracker may have to be restarted just then."""
    at = random.uniform(2.0, 45.0)
    acts: list[tuple[float, PrivateAct | Fault]] = [(at, NextMonth())]
    if random.random() < 0.5:
        kind = random.choice(["kill", "stop", "power_off"])
        seconds = 0.0 if kind == "stop" else random.uniform(0.5, 20.0)
        fault = Fault(kind, TRACKER, seconds, random.getrandbits(32))
        acts.append((at + random.uniform(-1.0, 62.0), fault))
    return acts
