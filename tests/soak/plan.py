"""What happens in a history: drawn from a seed, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from p2pfs.hashing import Hash
from tests.soak.false_holder import KINDS

KIB = 1 << 10
TRACKER = "tracker"
TREE = "dir/"
"""What the names of some files begin with; it can be downloaded as a whole."""


@dataclass(frozen=True)
class HostPlan:
    """A host: rates in bytes a second, latency in seconds."""

    name: str
    up: float
    down: float
    latency: float
    upload_rate: int | None = None
    """What its peer is told to stay below."""
    download_rate: int | None = None


@dataclass(frozen=True)
class FalsePlan:
    """A host that claims every chunk at each of so many ports, and delivers none.

    ``kind`` is one of `soak.false_holder.KINDS`.
    """

    host: HostPlan
    kind: str
    ports: int


@dataclass(frozen=True)
class FilePlan:
    """A file that somebody publishes; ``content`` is the seed of its bytes."""

    name: str
    size: int
    content: int

    @property
    def function(self) -> Hash:
        """Its hash, drawn with its content: all who publish the same take the same one."""
        return list(Hash)[self.content % len(Hash)]


# What is done


@dataclass(frozen=True)
class Publish:
    """A peer publishes a file."""

    peer: str
    file: FilePlan


@dataclass(frozen=True)
class Unpublish:
    """A peer shares a name no more, or gives an unfinished download up."""

    peer: str
    name: str


@dataclass(frozen=True)
class Fetch:
    """A peer downloads a name."""

    peer: str
    name: str
    overwrite: bool = False


@dataclass(frozen=True)
class FetchTree:
    """A peer downloads everything below `TREE`."""

    peer: str


@dataclass(frozen=True)
class Cancel:
    """A peer cancels its download of a name."""

    peer: str
    name: str


@dataclass(frozen=True)
class Occupy:
    """A file of somebody else's lies where a peer would put a download.

    That is its final name, or beside it, where that is followed by ``suffix``.
    """

    peer: str
    name: str
    suffix: str


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


Act = Publish | Unpublish | Fetch | FetchTree | Cancel | Occupy | Fault

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

MOMENTARY = ("reset", "cut", "jump_clock", "stop", "flip_bytes", "scribble", "spoil_part")
"""Faults that are over at once, or that nothing mends."""


@dataclass(frozen=True)
class Plan:
    """A whole history: who takes part, and what is done when (in seconds)."""

    seed: int
    chunk_size: int
    hosts: list[HostPlan]
    liars: list[HostPlan]
    """Hosts of peers that claim chunks and send something else."""
    greedy: list[HostPlan]
    """Hosts of downloaders that make nothing of their turns."""
    slow_drive: float
    """What a slow drive moves, in bytes a second."""
    false: list[FalsePlan]
    """Those that claim chunks and send nothing of any use."""
    acts: list[tuple[float, Act]] = field(default_factory=list)
    end: float = 0.0
    """When all faults are over."""

    @property
    def names(self) -> list[str]:
        """The names that anybody publishes."""
        published = [act.file.name for _, act in self.acts if isinstance(act, Publish)]
        return list(dict.fromkeys(published))


@dataclass(frozen=True)
class Scale:
    """How large everything is that a plan draws: chunks in KiB, rates in bytes a second."""

    chunk_sizes: tuple[int, ...]
    chunks: tuple[int, ...]
    """How many a file may have."""
    rates: tuple[float, ...]
    latencies: tuple[float, ...] = (0.0005, 0.02, 0.2)
    most_peers: int = 7
    most_files: int = 3
    slow_drive: float = 50e3
    """What a slow drive moves a second."""


SMALL = Scale((1, 16, 64), (0, 1, 2, 3, 9, 30), (100e3, 500e3, 5e6))
LARGE = Scale((2048,), (2, 3), (2e6, 5e6), slow_drive=500e3)
"""With chunks that a thread writes in several jobs, of a megabyte each."""
HUGE = Scale((2048,), (24,), (40e6,), (0.0005,), most_peers=3, most_files=1, slow_drive=5e6)
"""With files that are put on record for their size before it is time for that."""


def draw(seed: int) -> Plan:
    """The plan of that seed."""
    random = Random(seed)
    scale = random.choices([SMALL, LARGE, HUGE], [90, 9, 1])[0]
    chunk_size = random.choice(scale.chunk_sizes) * KIB
    peers = [_host(random, f"p{n}", scale) for n in range(random.randint(2, scale.most_peers))]
    liars = [_host(random, f"liar{n}", scale) for n in range(random.choice([0, 0, 0, 1, 2]))]
    greedy = [_host(random, f"greedy{n}", scale) for n in range(random.choice([0, 0, 0, 1, 2]))]
    names = [host.name for host in peers]
    acts: list[tuple[float, Act]] = []
    count = random.randint(1, scale.most_files)
    files = [_file(random, number, chunk_size, scale) for number in range(count)]
    for file in files:
        acts += _life_of(random, file, names)
    if random.random() < 0.2:
        acts.append((random.uniform(2.0, 40.0), FetchTree(random.choice(names))))
    acts += _faults(random, names, acts)
    acts.sort(key=lambda item: item[0])
    over = max(at + (act.seconds if isinstance(act, Fault) else 0.0) for at, act in acts)
    false = [_false_holder(random, n, scale) for n in range(random.choice([0, 0, 0, 0, 0, 1, 3]))]
    return Plan(seed, chunk_size, peers, liars, greedy, scale.slow_drive, false, acts, over + 1.0)


def _life_of(random: Random, file: FilePlan, names: list[str]) -> list[tuple[float, Act]]:
    """Who publishes a file, who takes it back, and who wants it."""
    acts: list[tuple[float, Act]] = []
    publishers = random.sample(names, random.choice([1, 1, 1, 2]))
    for publisher in publishers:
        acts.append((random.uniform(0.5, 5.0), Publish(publisher, file)))
    other = FilePlan(file.name, file.size, file.content + 1000)
    if random.random() < 0.1:  # somebody else has another file for that name
        acts.append((random.uniform(0.5, 30.0), Publish(random.choice(names), other)))
    if random.random() < 0.15:
        acts.append((random.uniform(5.0, 30.0), Unpublish(random.choice(publishers), file.name)))
    if random.random() < 0.1:  # the name gets another content, while some still fetch the old
        gone = random.uniform(4.0, 20.0)
        # Or only its publishers give it up, and what others have of it is worth nothing.
        all_of_them = random.random() < 0.5
        acts += [(gone, Unpublish(n, file.name)) for n in (names if all_of_them else publishers)]
        acts.append((gone + random.uniform(0.2, 5.0), Publish(random.choice(publishers), other)))
    for name in names:
        if name not in publishers:
            if random.random() < 0.8:
                acts += _wish(random, name, file.name)
        elif random.random() < 0.1:  # a copy of its own share
            acts.append((random.uniform(3.0, 30.0), Fetch(name, file.name)))
    return acts


def _wish(random: Random, peer: str, name: str) -> list[tuple[float, Act]]:
    """A download, and what its user does beside it."""
    began = random.choice([2.0, random.uniform(1.0, 40.0)])
    acts: list[tuple[float, Act]] = [(began, Fetch(peer, name, random.random() < 0.1))]
    if random.random() < 0.15:
        cancelled = began + random.uniform(0.0, 5.0)
        acts.append((cancelled, Cancel(peer, name)))
        if random.random() < 0.3:  # give up what came
            acts.append((cancelled + random.uniform(0.5, 3.0), Unpublish(peer, name)))
        elif random.random() < 0.3:  # what came is not left alone
            kind = random.choice(["scribble", "spoil_part"])
            scribble = Fault(kind, peer, 0.0, random.getrandbits(32))
            acts.append((cancelled + random.uniform(0.5, 3.0), scribble))
        acts.append((cancelled + random.uniform(4.0, 15.0), Fetch(peer, name)))
    elif random.random() < 0.1:  # somebody else cannot keep his hands off it
        for _ in range(random.choice([1, 1, 3])):
            spoil = Fault("spoil_part", peer, 0.0, random.getrandbits(32))
            acts.append((began + random.uniform(0.2, 12.0), spoil))
    elif random.random() < 0.3:  # once more, should something have ended the first
        acts.append((began + random.uniform(5.0, 40.0), Fetch(peer, name)))
    if random.random() < 0.1:
        occupied = began + random.choice([-1.0, random.uniform(0.0, 5.0)])
        acts.append((occupied, Occupy(peer, name, random.choice(["", "", ".part"]))))
    return acts


def _faults(
    random: Random, names: list[str], wishes: list[tuple[float, Act]]
) -> list[tuple[float, Act]]:
    """Some at any time, and some while something is downloaded; more of them where it is from."""
    acts: list[tuple[float, Act]] = []
    begun = [at for at, act in wishes if isinstance(act, Fetch)]
    publishers = [act.peer for _, act in wishes if isinstance(act, Publish)]
    for _ in range(random.choice([0, 1, 2, 3, 5, 8])):
        host = random.choice([*names, *names, *publishers, TRACKER])
        kind = random.choice([*LASTING, *MOMENTARY])
        seconds = random.choice([0.5, 3.0, 12.0, 30.0, 70.0]) if kind in LASTING else 0.0
        at = random.uniform(0.0, 40.0)
        if begun and random.random() < 0.4:
            at = random.choice(begun) + random.uniform(0.0, 6.0)
        fault = Fault(kind, host, seconds * random.uniform(0.5, 1.5), random.getrandbits(32))
        acts.append((at, fault))
        if kind == "kill" and random.random() < 0.3:  # while nobody looks
            acts.append((at + 0.2, Fault("scribble", host, 0.0, random.getrandbits(32))))
    return acts


def _host(random: Random, name: str, scale: Scale) -> HostPlan:
    up = random.choice(scale.rates)
    down = up * random.choice([1, 1, 4])
    limits = [random.choice([None, None, None, None, int(up / 2), int(up / 8)]) for _ in range(2)]
    return HostPlan(name, up, down, random.choice(scale.latencies), *limits)


def _false_holder(random: Random, number: int, scale: Scale) -> FalsePlan:
    ports = random.choice([1, 1, 3, 12])
    return FalsePlan(_host(random, f"false{number}", scale), random.choice(KINDS), ports)


def _file(random: Random, number: int, chunk_size: int, scale: Scale) -> FilePlan:
    chunks = random.choice(scale.chunks)
    size = max(0, chunks * chunk_size + random.choice([-1, 0, 0, 1, chunk_size // 2]))
    name = random.choice([f"f{number}", f"{TREE}ü {number}"])
    return FilePlan(name, size, random.getrandbits(16))
