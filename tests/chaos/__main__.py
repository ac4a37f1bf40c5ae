"""Kill, freeze and starve a swarm, and see that nothing gets wrong or lost."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from random import SystemRandom

from tests.chaos.disk import CannotMount, SmallDisk, command_that_may_mount
from tests.chaos.plan import Plan, draw
from tests.chaos.run import Run, disk_size, left_mounted

INSIDE = "P2PFS_CHAOS_MAY_MOUNT"
"""Set in the environment of the process that runs in a namespace of its own."""


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def enter_namespace() -> None:
    """Begin anew where this process may mount, unless it is root or that is forbidden."""
    if os.geteuid() == 0 or INSIDE in os.environ:
        return
    command = command_that_may_mount([sys.executable, "-m", "tests.chaos", *sys.argv[1:]])
    if command is not None:
        os.environ[INSIDE] = "1"
        os.execvp(command[0], command)


def small_disk(plan: Plan, folder: Path) -> SmallDisk | None:
    """The disk that is filled up, or None where nothing can be mounted."""
    place = folder / "disk"
    place.mkdir()
    try:
        disk = SmallDisk(place, disk_size(plan))
    except CannotMount as error:
        say(f"The full disk is left out: {error}.")
        return None
    for name in ("state", "downloads"):
        (place / name).mkdir()
    return disk


def run(plan: Plan, folder: Path) -> list[str]:
    """Carry out a plan in a directory; what did not hold, a sentence each."""
    disk = small_disk(plan, folder)
    try:
        attempt = Run(plan, folder, disk, say)
        attempt.execute()
        say(attempt.summary())
    finally:
        if disk is not None:
            disk.unmount()
    return attempt.problems + left_mounted(folder)


def keep_logs(folder: Path) -> None:
    """Remove all but the logs."""
    for path in folder.iterdir():
        if path.name != "logs":
            shutil.rmtree(path)


def main() -> int:
    """Run the fault test; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long faults go on")
    parser.add_argument("--seed", type=int, help="what the plan is drawn from; random if not given")
    parser.add_argument("--peers", type=int, default=8, help="how many, 2 or more")
    kinds = parser.add_mutually_exclusive_group()
    for word in ("open", "private"):
        told = f"have the swarm be {word}; by default the seed says what it is"
        kinds.add_argument(f"--{word}", dest="kind", action="store_const", const=word, help=told)
    options = parser.parse_args()
    if options.peers < 2:
        parser.error("two peers is the least")
    enter_namespace()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    seed = SystemRandom().randrange(1 << 31) if options.seed is None else options.seed
    is_private = None if options.kind is None else options.kind == "private"
    plan = draw(seed, options.seconds, options.peers, is_private)
    kind = "open" if plan.members is None else "private"
    repeat = f"--seconds {options.seconds:g} --seed {seed} --peers {options.peers} --{kind}"
    say(
        f"A tracker and {options.peers} peers of a swarm that is {kind}, faults for "
        f"{options.seconds:g} s, seed {seed}."
    )
    folder = Path(tempfile.mkdtemp(prefix="p2pfs-chaos-"))
    problems: list[str] | None = None
    try:
        problems = run(plan, folder)
    except KeyboardInterrupt:
        print("Interrupted; everything was cleaned up.", file=sys.stderr)
        return 130
    finally:
        if problems:
            keep_logs(folder)
        else:
            shutil.rmtree(folder)
    if problems:
        for problem in problems:
            print(problem, file=sys.stderr)
        print(
            f"It did not hold. The logs are in {folder / 'logs'}; the same plan again:\n"
            f'make chaos ARGS="{repeat}"',
            file=sys.stderr,
        )
        return 1
    say("It all held: nothing is wrong, lost, or left behind.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
