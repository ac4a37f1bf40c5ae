"""What happens when: drawn from a seed, so that a run can be repeated.

Nothing here knows of processes or of the time. How the steps of a plan fall
together with what the daemons do differs from run to run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random

from p2pfs.chunks import MIB

TRACKER = "tracker"
TREE = "a tree/"
"""What the names of those files begin with that are also fetched as a whole directory."""

SLOTS = 2
"""Places in which a peer may put the same file."""

LONG_RUN = 120.0
"""Seconds from which on a run has a freeze that is longer than the patience of keep-alive."""

LONG_FREEZE = 60.0


class Act(StrEnum):
    """What a step does: a fault, the end of one, or something that a user asks for."""

    KILL = "kill"
    STOP = "stop"
    START = "start"
    FREEZE = "freeze"
    THAW = "thaw"
    FILL = "fill"
    CLEAR = "clear"
    PUBLISH = "publish"
    DOWNLOAD = "download"
    CANCEL = "cancel"
    UNPUBLISH = "unpublish"
    REVOKE = "revoke"


USER_ACTS = frozenset({Act.PUBLISH, Act.DOWNLOAD, Act.CANCEL, Act.UNPUBLISH, Act.REVOKE})


@dataclass(frozen=True)
class SharedFile:
    """A file that is published: its name on the network, its size in bytes, by whom first."""

    name: str
    size: int
    publisher: str


@dataclass(frozen=True)
class Members:
    """Who is what in a private swarm: the rest of the peers publish as they like."""

    readers: frozenset[str]
    revoked: str
    """Who is put out in the midst; nobody if there are only two."""


@dataclass(frozen=True)
class Step:
    """Something that happens ``at`` seconds after the start, to or by the daemon ``who``.

    ``name`` is the file's; a download goes to the place numbered ``slot``.
    """

    at: float
    act: Act
    who: str = ""
    name: str = ""
    slot: int = 0
    overwrite: bool = False

    def __str__(self) -> str:
        words = [f"{self.at:6.2f} s ", self.act.value, self.who, self.name]
        return " ".join(word for word in words if word)


@dataclass(frozen=True)
class Plan:
    """Everything that is drawn before a run begins.

    ``small_state`` and ``small_downloads`` name the peers whose state, or whose
    downloads, lie on the small disk; ``slow`` those that download at a limited rate.
    """

    seed: int
    seconds: float
    peers: tuple[str, ...]
    small_state: frozenset[str]
    small_downloads: frozenset[str]
    slow: frozenset[str]
    files: tuple[SharedFile, ...]
    steps: tuple[Step, ...]
    members: Members | None = None
    """None in an open swarm."""

    @property
    def staying(self) -> tuple[str, ...]:
        """The peers that are there in the end."""
        revoked = "" if self.members is None else self.members.revoked
        return tuple(peer for peer in self.peers if peer != revoked)


def draw(seed: int, seconds: float, count: int, is_private: bool | None = None) -> Plan:
    """The plan for ``count`` peers and so many seconds; the same for the same arguments.

    Whether it is of a private swarm is drawn too, unless ``is_private`` says it; it is the same
    plan otherwise.
    """
    plan = _draw_open(seed, seconds, count)
    random = Random(f"private {seed} {float(seconds)} {count}")
    drawn = random.random() < 0.5
    return _make_private(plan, random) if (drawn if is_private is None else is_private) else plan


def _make_private(plan: Plan, random: Random) -> Plan:
    """The plan with members, one of whom is revoked in the midst."""
    # Who publishes first is to be there in the end, too.
    peers = list(plan.peers)
    random.shuffle(peers)
    revoked = peers.pop() if len(peers) > 2 else ""
    readers = frozenset(peers[: len(peers) // 3])
    publishers = [peer for peer in plan.peers if peer in peers and peer not in readers]
    files = tuple(
        replace(file, publisher=publishers[number % len(publishers)])
        for number, file in enumerate(plan.files)
    )
    first = [Step(0.0, Act.PUBLISH, file.publisher, file.name) for file in files]
    steps = [*first, *plan.steps[len(files) :]]
    if revoked:
        at = plan.seconds * random.uniform(0.3, 0.6)
        steps.append(Step(at, Act.REVOKE, TRACKER, revoked))
    steps.sort(key=lambda step: step.at)
    members = Members(readers, revoked)
    return replace(plan, files=files, steps=tuple(steps), members=members)


def _draw_open(seed: int, seconds: float, count: int) -> Plan:
    random = Random(f"{seed} {float(seconds)} {count}")
    peers = tuple(f"p{number}" for number in range(count))
    files = tuple(_files(random, peers))
    steps = [Step(0.0, Act.PUBLISH, file.publisher, file.name) for file in files]
    frozen_long = random.choice(peers) if seconds >= LONG_RUN else ""
    for daemon in (TRACKER, *peers):
        steps += _faults(random, daemon, seconds, daemon == frozen_long)
    steps += _disk_faults(random, seconds)
    for peer in peers:
        steps += _wishes(random, peer, seconds, files)
    return Plan(
        seed,
        seconds,
        peers,
        small_state=frozenset(peers[1:3]),
        small_downloads=frozenset(peers[1:4:2]),
        slow=frozenset(peers[::2]),
        files=files,
        steps=tuple(sorted(steps, key=lambda step: step.at)),
    )


def _files(random: Random, peers: tuple[str, ...]) -> Iterator[SharedFile]:
    sizes = {
        "empty": 0,
        "one byte.bin": 1,
        "just over a chunk": MIB + 1,
        "Übergröße ☃ mit Leerzeichen.bin": 3 * MIB + random.randrange(MIB),
        "sub/dir/medium.bin": 20 * MIB + random.randrange(MIB),
        "large.iso": 40 * MIB,
        f"{TREE}nothing": 0,
        f"{TREE}b/five": 5,
        f"{TREE}b/ñandú.dat": 2 * MIB,
        f"{TREE}c/more.dat": 8 * MIB + random.randrange(MIB),
    }
    for number, (name, size) in enumerate(sizes.items()):
        yield SharedFile(name, size, peers[number % len(peers)])


def _faults(random: Random, daemon: str, seconds: float, long_freeze: bool) -> Iterator[Step]:
    """The faults of one daemon, one after the other; each ends within the run."""
    now = random.uniform(1.0, 8.0)
    if long_freeze:
        yield Step(now, Act.FREEZE, daemon)
        now += LONG_FREEZE
        yield Step(now, Act.THAW, daemon)
        now += random.uniform(1.0, 5.0)
    while now < seconds - 1.0:
        fault = random.choices([Act.KILL, Act.FREEZE, Act.STOP], [5, 3, 2])[0]
        longest = 14.0 if fault is Act.FREEZE and random.random() < 0.2 else 4.0
        end = min(now + random.uniform(0.1, longest), seconds)
        yield Step(now, fault, daemon)
        yield Step(end, Act.THAW if fault is Act.FREEZE else Act.START, daemon)
        # Without a tracker there is little to go wrong, and peers are slow to come back to it.
        now = end + random.uniform(2.0, 12.0) * (2.5 if daemon == TRACKER else 1.0)


def _disk_faults(random: Random, seconds: float) -> Iterator[Step]:
    now = random.uniform(2.0, 5.0)
    while now < seconds - 1.0:
        end = min(now + random.uniform(0.5, 5.0), seconds)
        yield Step(now, Act.FILL)
        yield Step(end, Act.CLEAR)
        now = end + random.uniform(2.0, 8.0)


def _wishes(
    random: Random, peer: str, seconds: float, files: tuple[SharedFile, ...]
) -> Iterator[Step]:
    """What the users of one peer ask for."""
    now = random.uniform(0.5, 2.0)
    while now < seconds:
        name = random.choice(files).name
        act = random.choices([Act.DOWNLOAD, Act.UNPUBLISH, Act.PUBLISH], [8, 1, 1])[0]
        if act is Act.DOWNLOAD:
            if name.startswith(TREE) and random.random() < 0.5:
                name = TREE
            slot = 0 if random.random() < 0.8 else random.randrange(SLOTS)
            yield Step(now, act, peer, name, slot, overwrite=random.random() < 0.3)
            if random.random() < 0.25 and name != TREE:
                yield Step(now + random.uniform(0.1, 1.5), Act.CANCEL, peer, name)
        else:
            yield Step(now, act, peer, name)
        now += random.expovariate(0.7)
