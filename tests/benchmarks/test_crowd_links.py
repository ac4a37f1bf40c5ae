"""The benchmark of a flash crowd on real links: its network, its findings, and a small run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from benchmarks import torrents
from benchmarks.crowd.bounds import equal_links, unequal_links
from benchmarks.crowd.links import race as race_module
from benchmarks.crowd.links.crowd import Crowd
from benchmarks.crowd.links.daemon_swarm import p2pfs
from benchmarks.crowd.links.findings import ratio, report, typical
from benchmarks.crowd.links.floor_swarm import floor
from benchmarks.crowd.links.namespaces import Lab, Link, laboratory, left_of, received
from benchmarks.crowd.links.race import Fetch, OnPart, Run, Scene, processor_time, race, run
from benchmarks.crowd.links.torrent_swarm import libtorrent
from benchmarks.crowd.outcome import Outcome
from benchmarks.problems import BenchmarkFailed, Skipped
from benchmarks.processes import CHECKOUT
from tests.processes.daemons import random_file

MIB = 1 << 20
SMALL = Crowd(2, 8, 256 << 10, 100e6 / 8)


@pytest.fixture
def namespaces() -> str:
    """What the names of this process's namespaces begin with; skips where there can be none."""
    try:
        with laboratory([Link(1e6, 1e6)]) as lab:
            return lab.prefix
    except Skipped as reason:
        pytest.skip(str(reason))


def lines(lab: Lab) -> list[str]:
    return [" ".join(command) for command in lab.commands()]


def test_a_host_is_shaped_at_both_ends_of_its_cable() -> None:
    """What it sends is held back on its side, what it receives on the switch's."""
    shaping = [line for line in lines(Lab("x-", [Link(5e6, 1e6)])) if line.startswith("tc")]
    assert shaping == [
        "tc -n x-0 qdisc add dev eth0 root tbf rate 40000000bit burst 65536b latency 100ms",
        "tc -n x-switch qdisc add dev port0 root tbf rate 8000000bit burst 65536b latency 100ms",
    ]


def test_a_host_without_a_rate_is_not_shaped() -> None:
    """It has an address and a cable all the same."""
    made = lines(Lab("x-", [Link(), Link()]))
    assert not any(line.startswith("tc") for line in made)
    assert "ip -n x-1 address add 198.18.0.2/16 dev eth0" in made
    assert "ip -n x-switch link add port1 type veth peer name eth0 netns x-1" in made


def test_nothing_is_made_outside_of_the_namespaces() -> None:
    """Besides adding them, every command is for the inside of one."""
    for command in Lab("x-", [Link(1e6, 1e6)] * 3).commands():
        assert command[:3] == ["ip", "netns", "add"] or command[1] == "-n"


def test_a_network_has_an_end() -> None:
    """More hosts than the kernel has room for are refused at once."""
    with pytest.raises(BenchmarkFailed, match="32 hosts, not for 33"):
        Lab("x-", [Link()] * 33)


def test_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a sentence, before anything is made."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Skipped, match="Only root"), laboratory([Link()]):
        pytest.fail("there is a network")


def test_what_the_machine_cannot_do_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """First the programs are missing, then what they need."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda program: None)
    with pytest.raises(Skipped, match="no program 'ip'"), laboratory([Link()]):
        pytest.fail("there is a network")
    monkeypatch.setattr(Lab, "commands", lambda lab: [["ls", "--no-such-option"]])
    with pytest.raises(Skipped, match=r"cannot be made on this machine.*no-such-option"):
        Lab("x-", []).make()


def test_counters_are_read() -> None:
    """By the name of the interface."""
    said = [
        {"ifname": "lo", "stats64": {"rx": {"bytes": 1}, "tx": {"bytes": 2}}},
        {"ifname": "port0", "stats64": {"rx": {"bytes": 30}, "tx": {"bytes": 4}}},
    ]
    assert received(json.dumps(said)) == {"lo": 1, "port0": 30}
    for nonsense in ("", "{", "[{}]", "7"):
        with pytest.raises(BenchmarkFailed, match="not understood"):
            received(nonsense)


def test_how_busy_the_processors_were_is_read() -> None:
    """Waiting for a disk is idleness; interrupts are work."""
    assert processor_time("cpu  1 2 4 100 200 8 16 0 0 0\ncpu0 9 9 9 9") == (31, 300)


def test_the_bound_goes_by_the_links() -> None:
    """Equal links have the sharper bound, in whole chunks."""
    rate = 1e6
    assert Crowd(12, 64, MIB, rate).bound == equal_links(64 * MIB, 64, 12, rate)
    fast = Crowd(12, 64, MIB, rate, fast_source=True)
    assert fast.bound == unequal_links(64 * MIB, 10 * rate, [rate] * 12, [rate] * 12)
    slow = Crowd(12, 64, MIB, rate, slow_tenth=True)
    assert slow.peer_rates == [rate] * 11 + [rate / 4]
    assert slow.bound == 64 * MIB / (rate / 4)
    assert "4 times slower" in str(slow)
    assert slow.limit == 10 * slow.bound


def test_a_race_has_curves_and_an_end() -> None:
    """What is told on the way is noted; the end is when the fetch is through."""

    def fetch(on_part: OnPart) -> None:
        on_part(0.5)

    with ThreadPoolExecutor(2) as pool:
        curves = race(pool, [fetch, fetch], 10.0)
    assert [[share for _, share in curve] for curve in curves] == [[0.0, 0.5, 1.0]] * 2
    assert all(seconds < 10.0 for curve in curves for seconds, _ in curve)


def test_a_race_that_does_not_end_is_given_up() -> None:
    """And one in which somebody fails ends with that."""
    ended = Event()

    def stuck(on_part: OnPart) -> None:
        ended.wait()

    def fails(on_part: OnPart) -> None:
        raise BenchmarkFailed("It broke.")

    with ThreadPoolExecutor(4) as pool:
        try:
            with pytest.raises(BenchmarkFailed, match="1 of 2 peers had not got the file"):
                race(pool, [stuck, lambda on_part: None], 0.05)
            with pytest.raises(BenchmarkFailed, match="It broke"):
                race(pool, [stuck, fails], 10.0)
        finally:
            ended.set()


def runs(*ends: list[float]) -> list[Run]:
    return [
        Run(Outcome(10.0, end, 1.0 + at, 0.5, [[(end[-1], 1.0)]]), 0.25)
        for at, end in enumerate(ends)
    ]


def test_the_findings_are_medians() -> None:
    """Each rank by itself; the curves are of the run in the middle."""
    found = runs([11.0, 12.0, 13.0], [21.0, 22.0, 23.0], [10.0, 30.0, 90.0])
    outcome = typical(found)
    assert outcome.ends == [11.0, 22.0, 23.0]
    assert outcome.copies_of_source == 2.0
    assert outcome.curves == [[(23.0, 1.0)]]
    text = report("p2pfs", found)
    assert text.startswith("p2pfs\n")
    assert "23.00 s  2.300 of the bound" in text
    assert "busy 25 % of the time" in text


def test_the_ratio_is_the_median_of_the_ratios_of_the_rounds() -> None:
    """The quotient of the medians of the last would be 2."""
    ours = runs([1.0, 2.0, 4.0], [1.0, 2.0, 8.0], [1.0, 2.0, 12.0])
    theirs = runs([2.0, 2.0, 2.0], [2.0, 4.0, 8.0], [2.0, 8.0, 4.0])
    assert ratio(ours, theirs) == "0.500 first, 0.500 median, 2.000 last finisher"
    assert ratio(ours[:2], theirs[:2]).endswith("1.500 last finisher")


def test_a_small_crowd_on_real_links(namespaces: str, place: Path) -> None:
    """Everybody has the file, in the time that its links need, and nothing is left."""
    original = random_file(place / "file", SMALL.size)
    outcome, busy = run(SMALL, p2pfs, original, place / "run")
    assert len(outcome.ends) == len(outcome.curves) == 2
    # A bucket is full at the beginning, which saves a part of the time.
    assert outcome.ratio(outcome.ends[-1]) > 0.7
    assert 0.9 < outcome.copies_of_source < 2.5
    assert outcome.overhead > 0
    assert 0 < busy <= 1
    assert not left_of(namespaces)
    assert [path.name for path in place.iterdir()] == ["file"]


def test_a_small_crowd_of_libtorrent(namespaces: str, place: Path) -> None:
    """The same with the other contender, where it is installed."""
    try:
        torrents.check_installed()
    except Skipped as reason:
        pytest.skip(str(reason))
    original = random_file(place / "file", SMALL.size)
    outcome, _ = run(SMALL, libtorrent, original, place / "run")
    assert len(outcome.ends) == 2
    assert outcome.copies_of_source > 0.9
    assert not left_of(namespaces)


def test_the_floor(namespaces: str, place: Path) -> None:
    """Plain TCP over the same links: whole copies, checked like the others."""
    original = random_file(place / "file", SMALL.size + 1)  # the last block is a short one
    outcome, _ = run(SMALL, floor, original, place / "run")
    assert len(outcome.ends) == 2
    assert outcome.ratio(outcome.ends[-1]) > 0.7
    assert not left_of(namespaces)


def test_nothing_is_left_of_a_run_that_fails(namespaces: str, place: Path) -> None:
    """Neither namespaces nor files nor processes, also those that nobody ends."""
    sleepers: list[subprocess.Popen[bytes]] = []

    @contextmanager
    def breaks(scene: Scene) -> Iterator[Sequence[Fetch]]:
        assert left_of(namespaces)
        sleepers.append(subprocess.Popen([*scene.lab.inside(1), "sleep", "60"]))
        while Path(f"/proc/{sleepers[0].pid}/comm").read_text() != "sleep\n":
            time.sleep(0.01)  # the pause between two looks
        raise BenchmarkFailed("It broke.")
        yield []

    original = random_file(place / "file", SMALL.size)
    with pytest.raises(BenchmarkFailed, match="It broke"):
        run(SMALL, breaks, original, place / "run")
    assert not left_of(namespaces)
    assert sleepers[0].wait(10) == -signal.SIGKILL
    assert [path.name for path in place.iterdir()] == ["file"]


def test_a_wrong_copy_is_noticed(namespaces: str, place: Path) -> None:
    """Who is quick because of what it leaves out is not quick."""

    @contextmanager
    def cheats(scene: Scene) -> Iterator[Sequence[Fetch]]:
        def fetch(on_part: OnPart) -> None:
            for host in scene.downloaders:
                scene.copy(host).write_bytes(b"almost")

        yield [fetch]

    original = random_file(place / "file", SMALL.size)
    with pytest.raises(BenchmarkFailed, match="Downloader 1 got something else"):
        run(SMALL, cheats, original, place / "run")


@pytest.mark.parametrize(("stop", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted(namespaces: str, place: Path, stop: signal.Signals, status: int) -> None:
    """Ctrl-C and a plain kill leave neither namespaces nor files behind."""
    small = ["--peers", "2", "--chunks", "64", "--mbit", "10", "--without-libtorrent"]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.crowd.links", *small, "--dir", str(place)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert "2 peers" in process.stdout.readline()
        prefix = f"p2pfs-{process.pid}-"
        deadline = time.monotonic() + 20
        while not list(place.glob("*/run/s2/control")):  # the last daemon is up
            assert time.monotonic() < deadline
            time.sleep(0.02)  # the pause between two looks
        assert len(left_of(prefix)) == 5  # two peers, source, tracker, switch
        process.send_signal(stop)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == status, errors
    assert "Traceback" not in errors
    assert not left_of(prefix)
    assert not list(place.iterdir())


def test_the_limit_of_time_holds_for_all_of_a_run(
    namespaces: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A swarm that never becomes ready is given up too."""

    @contextmanager
    def never_ready(scene: Scene) -> Iterator[Sequence[Fetch]]:
        Event().wait()
        yield []

    monkeypatch.setattr(race_module, "AROUND", 0.5)
    monkeypatch.setattr(Crowd, "limit", 0.5)
    original = random_file(place / "file", SMALL.size)
    with pytest.raises(BenchmarkFailed, match="not through within 1 s"):
        run(SMALL, never_ready, original, place / "run")
    assert not left_of(namespaces)
