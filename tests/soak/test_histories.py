"""Random histories: some of them, and that they are repeatable."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from p2pfs.membership import Role
from tests.soak.false_holder import KINDS
from tests.soak.plan import Fault, draw
from tests.soak.private_plan import SKEW, STRANGERS, draw_private
from tests.soak.running import parse_seeds, run_seed

HISTORIES = 24
"""How many of those that `make soak` runs are run here, from seed 0 on."""

TOGETHER = 3
"""How many of them are one test."""

# A defect for the process that runs a history: wrong chunks are as good as right ones.
PLANTED = """
import sys
from p2pfs.peer.downloading.chunk_chains import ChunkChains
from tests.soak.__main__ import main
from tests.soak.running import run_seed
import tests.soak.__main__
def planted(seed, keep_log):
    ChunkChains.is_right = lambda *args: True
    return run_seed(seed, keep_log)
class Here:
    def __init__(self, *args): pass
    def __enter__(self): return self
    def __exit__(self, *args): pass
    def map(self, call, *values, chunksize): return map(planted, *values)
tests.soak.__main__.ProcessPoolExecutor = Here
sys.exit(main())
"""


def run_soak(*words: str, hash_seed: str = "0") -> subprocess.CompletedProcess[str]:
    """Run ``python`` with these words."""
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    return subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, timeout=100
    )


@pytest.mark.parametrize("first", range(0, HISTORIES, TOGETHER))
def test_many_histories_go_well(first: int) -> None:
    """What was promised holds, whatever happens in whichever order."""
    for seed in range(first, first + TOGETHER):
        report = run_seed(seed)
        assert not report.problems, f"make soak SEEDS={seed}:{seed + 1} repeats it"


def test_a_seed_gives_the_same_history_everywhere() -> None:
    """Event for event, in this process and in those that hash otherwise: a seed is a repeat."""
    seeds = [3, 4, 5, 6]
    here = [f"{seed} {run_seed(seed).digest}" for seed in seeds]
    assert len({line.split()[1] for line in here}) == len(seeds)
    for hash_seed in ("1", "2"):
        done = run_soak(
            "-m", "tests.soak", "--digest", "--seeds", "3:7", "--workers", "1", hash_seed=hash_seed
        )
        *there, last = done.stdout.splitlines()
        assert there == here, done.stderr
        assert last.startswith("4 histories, ")
        assert done.returncode == 0


def test_a_plan_is_drawn_from_its_seed_alone() -> None:
    """Drawing one, or another in between, changes none; different seeds differ."""
    plans = [draw(seed) for seed in range(50)]
    assert plans == [draw(seed) for seed in range(50)]
    assert len({repr(plan) for plan in plans}) == 50
    assert {type(act).__name__ for plan in plans for _, act in plan.acts} == {
        "Publish", "Unpublish", "Fetch", "FetchTree", "Cancel", "Occupy", "Fault",
    }  # fmt: skip
    kinds = {
        act.kind for seed in range(300) for _, act in draw(seed).acts if isinstance(act, Fault)
    }
    assert len(kinds) == 16
    false = [holder for seed in range(300) for holder in draw(seed).false]
    assert {holder.kind for holder in false} == set(KINDS)
    assert max(holder.ports for holder in false) == 12


def test_a_third_of_the_swarms_are_private() -> None:
    """That is drawn from the seed as well, and all that may come of members happens."""
    plans = [draw_private(draw(seed)) for seed in range(300)]
    assert plans == [draw_private(draw(seed)) for seed in range(300)]
    private = [plan for plan in plans if plan is not None]
    assert 80 < len(private) < 120
    acts = {type(act).__name__ for plan in private for _, act in plan.acts}
    assert acts == {"Revoke", "SignAgain", "NextMonth", "Fault"}
    terms = {each for plan in private for each in plan.terms.values()}
    assert {each.role for each in terms} == {Role.READER, Role.PUBLISHER}
    assert len({each.patterns for each in terms}) > 2
    assert {kind for plan in private for kind in plan.strangers.values()} == set(STRANGERS)
    assert {off for plan in private for off in plan.clocks.values()} == {0, -SKEW, SKEW}
    assert all(at <= plan.end for plan in private for at, _ in plan.acts)


def test_a_history_that_goes_wrong_says_how_to_repeat_it() -> None:
    """One command, and the problem with its time; the exit status tells, too."""
    done = run_soak("-c", PLANTED, "--seeds", "7:9", "--workers", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    [first, *_] = [line for line in done.stdout.splitlines() if line.startswith("repeat it with: ")]
    command, _, seeds = first.partition("SEEDS=")
    assert command == "repeat it with: make soak "
    begin, _, end = seeds.partition(":")
    assert int(end) == int(begin) + 1
    assert "which is wrong" in done.stdout or "is not what was published" in done.stdout


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", [0, 1, 2]), ("7:9", [7, 8]), ("42,7", [42, 7]), ("42,", [42])]
)
def test_seeds_are_read(text: str, seeds: list[int]) -> None:
    """As the help has it."""
    assert list(parse_seeds(text)) == seeds
