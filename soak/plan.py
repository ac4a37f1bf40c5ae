"""What happens in a history: drawn from a seed, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

KIB = 1 << 10
TRACKER = "tracker"


@dataclass(frozen=True)
class HostPlan:
    """A host: rates in bytes a second, latency in seconds."""

    name: str
    up: float
    down: float
    latency: float


@dataclass(frozen=True)
class FilePlan:
    """A file that somebody publishes; ``content`` is the seed of its bytes."""

    name: str
    size: int
    content: int


# What is done


@dataclass(frozen=True)
class Publish:
    """A peer publishes a file."""

    peer: str
    file: FilePlan


@dataclass(frozen=True)
class Unpublish:
    """A peer shares a name no more."""

    peer: str
    name: str


@dataclass(frozen=True)
class Fetch:
    """A peer downloads a name."""

    peer: str
    name: str


@dataclass(frozen=True)
class Cancel:
    """A peer cancels its download of a name."""

    peer: str
    name: str


@dataclass(frozen=True)
class Fault:
    """Something goes wrong on a host, and is right again after ``seconds``.

    ``kind`` is a method of `soak.faults.Faults`.
    """

    kind: str
    host: str
    seconds: float
    number: int
    """Draws what the kind leaves open."""


Act = Publish | Unpublish | Fetch | Cancel | Fault

LASTING = (
    "kill",
    "power_off",
    "lose_unsynced",
    "freeze",
    "partition",
    "stall",
    "fill_drive",
    "break_drive",
    "slow_drive",
)
"""Faults that end after a while."""

MOMENTARY = ("reset", "cut", "jump_clock", "stop", "flip_bytes", "scribble")
"""Faults that are over at once, or that nothing mends."""


@dataclass(frozen=True)
class Plan:
    """A whole history: who takes part, and what is done when (in seconds)."""

    seed: int
    chunk_size: int
    hosts: list[HostPlan]
    liars: list[HostPlan]
    """Hosts of peers that claim chunks and send something else."""
    acts: list[tuple[float, Act]] = field(default_factory=list)
    end: float = 0.0
    """When all faults are over."""

    @property
    def names(self) -> list[str]:
        """The names that anybody publishes."""
        published = [act.file.name for _, act in self.acts if isinstance(act, Publish)]
        return list(dict.fromkeys(published))


def draw(seed: int) -> Plan:
    """The plan of that seed."""
    random = Random(seed)
    chunk_size = random.choice([1 * KIB, 16 * KIB, 64 * KIB])
    peers = [_host(random, f"p{number}") for number in range(random.randint(2, 7))]
    liars = [_host(random, f"liar{n}") for n in range(random.choice([0, 0, 0, 1, 2]))]
    acts: list[tuple[float, Act]] = []
    names = [host.name for host in peers]
    files = [_file(random, number, chunk_size) for number in range(random.randint(1, 3))]
    for file in files:
        publishers = random.sample(names, random.choice([1, 1, 1, 2]))
        for publisher in publishers:
            acts.append((random.uniform(0.5, 5.0), Publish(publisher, file)))
        if random.random() < 0.1:  # somebody else has another file for that name
            other = FilePlan(file.name, file.size, file.content + 1000)
            acts.append((random.uniform(0.5, 30.0), Publish(random.choice(names), other)))
        if random.random() < 0.15:
            act = Unpublish(random.choice(publishers), file.name)
            acts.append((random.uniform(5.0, 30.0), act))
        for name in names:
            if name not in publishers and random.random() < 0.8:
                began = random.choice([2.0, random.uniform(1.0, 40.0)])
                acts.append((began, Fetch(name, file.name)))
                if random.random() < 0.1:
                    acts.append((began + random.uniform(0.0, 5.0), Cancel(name, file.name)))
                    acts.append((began + random.uniform(5.0, 15.0), Fetch(name, file.name)))
    for _ in range(random.choice([0, 1, 2, 3, 5, 8])):
        host = random.choice([*names, *names, *names, TRACKER])
        kind = random.choice([*LASTING, *MOMENTARY])
        seconds = random.choice([0.5, 3.0, 12.0, 30.0, 70.0]) if kind in LASTING else 0.0
        fault = Fault(kind, host, seconds * random.uniform(0.5, 1.5), random.getrandbits(32))
        acts.append((random.uniform(0.0, 40.0), fault))
    acts.sort(key=lambda item: item[0])
    over = max(at + (act.seconds if isinstance(act, Fault) else 0.0) for at, act in acts)
    return Plan(seed, chunk_size, peers, liars, acts, over + 1.0)


def _host(random: Random, name: str) -> HostPlan:
    up = random.choice([100e3, 500e3, 5e6])
    return HostPlan(name, up, up * random.choice([1, 1, 4]), random.choice([0.0005, 0.02, 0.2]))


def _file(random: Random, number: int, chunk_size: int) -> FilePlan:
    chunks = random.choice([0, 1, 2, 3, 9, 30])
    size = max(0, chunks * chunk_size + random.choice([-1, 0, 0, 1, chunk_size // 2]))
    name = random.choice([f"f{number}", f"dir/ü {number}"])
    return FilePlan(name, size, random.getrandbits(16))
