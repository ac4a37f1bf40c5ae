"""The fault test itself: its plan and checks, a short run, and that it cleans up."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from p2pfs.peer.storage import part_name
from tests.chaos.checks import Copies, alarming_lines, is_sentence, parts_known, strays
from tests.chaos.disk import CannotMount, SmallDisk, mounted_below
from tests.chaos.plan import LONG_RUN, TRACKER, Act, Plan, Step, draw
from tests.chaos.run import left_mounted
from tests.daemons.process import MIB, sha256

ENDS = {Act.KILL: Act.START, Act.STOP: Act.START, Act.FREEZE: Act.THAW}


def faults(plan: Plan, who: str) -> list[Step]:
    """The steps that are done to one daemon."""
    acts = {*ENDS, *ENDS.values()}
    return [step for step in plan.steps if step.who == who and step.act in acts]


def test_a_seed_stands_for_a_plan() -> None:
    """Otherwise the command that is printed after a failure would repeat nothing."""
    assert draw(7, 60, 8) == draw(7, 60.0, 8)
    assert draw(7, 60, 8) != draw(8, 60, 8)


def test_a_plan_is_of_a_private_swarm_or_of_an_open_one() -> None:
    """By its seed, or as it is told; who does what when is the same in both."""
    kinds = {draw(seed, 60, 8).members is None for seed in range(20)}
    assert kinds == {True, False}
    apart, plain = draw(7, 60, 8, True), draw(7, 60, 8, False)
    assert apart.members is not None
    assert plain.members is None
    first = len(plain.files)
    others = [step for step in apart.steps[first:] if step.act is not Act.REVOKE]
    assert others == list(plain.steps[first:])
    publishers = {file.publisher for file in apart.files}
    assert not publishers & {*apart.members.readers, apart.members.revoked}
    assert apart.members.revoked not in apart.staying
    [revoke] = [step for step in apart.steps if step.act is Act.REVOKE]
    assert revoke.name == apart.members.revoked


@pytest.mark.parametrize("seed", range(20))
def test_every_fault_ends_before_the_next(seed: int) -> None:
    """For each daemon faults and their ends alternate, in order, within the run."""
    plan = draw(seed, 130, 8)
    assert list(plan.steps) == sorted(plan.steps, key=lambda step: step.at)
    for who in (TRACKER, *plan.peers):
        steps = faults(plan, who)
        assert len(steps) % 2 == 0
        for fault, end in zip(steps[::2], steps[1::2], strict=True):
            assert ENDS[fault.act] is end.act
            assert fault.at < end.at <= 130
    disk = [step.act for step in plan.steps if step.act in (Act.FILL, Act.CLEAR)]
    assert disk == [Act.FILL, Act.CLEAR] * (len(disk) // 2)


@pytest.mark.parametrize(("seconds", "long"), [(60, 0), (LONG_RUN, 1)])
def test_only_a_long_run_freezes_longer_than_keep_alive_waits(seconds: float, long: int) -> None:
    """Such a freeze is a minute; a short run has none."""
    plan = draw(3, seconds, 8)
    found = 0
    for who in (TRACKER, *plan.peers):
        steps = faults(plan, who)
        found += sum(b.at - a.at > 50 for a, b in zip(steps[::2], steps[1::2], strict=True))
    assert found == long


def test_alarming_lines() -> None:
    """Tracebacks and unhandled errors are found, unless they are listed as expected."""
    log = "all is well\nUnhandled error in Deferred:\n\tTraceback (most recent call last):\n"
    assert len(alarming_lines(log)) == 2
    assert alarming_lines(log, ["^Unhandled error"]) == ["\tTraceback (most recent call last):"]


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ("Nobody offers 'x'; 'list_files' shows what is offered.", True),
        ("/x exists; use --overwrite to replace it, or give another path.", True),
        ("", False),
        ("KeyError: 'x'", False),
        ("Two lines.\nOf text.", False),
        ("Traceback (most recent call last).", False),
    ],
)
def test_what_is_a_sentence(text: str, fit: bool) -> None:
    """An answer that is no sentence for people is a defect."""
    assert is_sentence(text) is fit


def test_copies_are_hashed_when_they_change(tmp_path: Path) -> None:
    """A wrong file is found, a missing one is not wrong, and a replaced one is hashed again."""
    path = tmp_path / "x"
    path.write_bytes(b"right")
    copies = Copies({path: sha256(path), tmp_path / "missing": "0"})
    assert copies.wrong() == []
    assert copies.wrong() == []
    assert copies.hashed == 1
    path.write_bytes(b"wrong")
    assert copies.wrong() == [f"{path} is not what was published."]


def test_strays() -> None:
    """Only finished files and known part files may lie about."""
    copies = Copies({Path("/d/x"): "0"})
    one, two, three, four = [f"/d/{part_name(Random(seed))}" for seed in range(4)]
    shares = [
        {"path": "/d/x", "target": None},
        {"path": one, "target": "/d/y"},
    ]
    transfers = [{"path": "/d/z", "part": two}, {"path": "/d/w", "part": None}]
    status: dict[str, Any] = {"shares": shares, "downloads": transfers}
    cut = Path("/e", Path(four).name)
    found = [Path("/d/x"), Path(one), Path(two), Path(three), Path("/d/w"), cut]
    assert strays(found, copies, parts_known(status), [Path("/e")]) == [
        Path(three),
        Path("/d/w"),
    ]


def test_the_small_disk(tmp_path: Path) -> None:
    """It is really full after `fill`, has room after `clear`, and a mount that is left is told."""
    try:
        disk = SmallDisk(tmp_path, MIB)
    except CannotMount as error:
        pytest.skip(str(error))
    try:
        assert left_mounted(tmp_path) == [f"{tmp_path} is still mounted."]
        disk.fill()
        with pytest.raises(OSError, match="No space left"):
            (tmp_path / "x").write_bytes(bytes(4096))
        (tmp_path / "x").unlink()
        disk.clear()
        (tmp_path / "x").write_bytes(bytes(4096))
    finally:
        disk.unmount()
    assert mounted_below(tmp_path) == []


def begin(temporary: Path, *arguments: str) -> subprocess.Popen[str]:
    """A run that makes its directory in ``temporary``."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.chaos", *arguments],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def assert_nothing_is_left(temporary: Path) -> None:
    """No file, no mount, no process."""
    assert list(temporary.iterdir()) == []
    assert mounted_below(temporary) == []
    found = subprocess.run(["pgrep", "-f", re.escape(str(temporary))], capture_output=True)
    assert found.stdout == b""


@pytest.mark.parametrize("kind", ["open", "private"])
def test_a_short_run(place: Path, kind: str) -> None:
    """A few seconds of faults, after which everything holds."""
    run = begin(place, "--seconds", "4", "--seed", "378", "--peers", "3", f"--{kind}")
    output, errors = run.communicate(timeout=100)
    assert run.returncode == 0, output + errors
    assert ("1 revoke" in output) is (kind == "private")
    assert all(f" {fault}" in output for fault in ("kill tracker", "kill p", "freeze p"))
    assert "Every peer has all" in output
    assert_nothing_is_left(place)


@pytest.mark.parametrize(("stop", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted(place: Path, stop: signal.Signals, status: int) -> None:
    """Ctrl-C and a plain kill leave neither processes, mounts nor files behind."""
    run = begin(place, "--seconds", "60", "--seed", "3", "--peers", "2")
    assert run.stdout is not None
    while " s  " not in (line := run.stdout.readline()):
        assert line, "it ended before the first fault"
    run.send_signal(stop)
    _, errors = run.communicate(timeout=60)
    assert run.returncode == status, errors
    assert "Traceback" not in errors
    assert_nothing_is_left(place)
