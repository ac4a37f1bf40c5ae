"""``python -m tests.fuzz``: let the targets be fuzzed, one after the other, each for a while."""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

from tests.fuzz import CORPUS, HERE, TARGETS

MAX_LENGTH = 5000
"""Bytes of an input; a script of many requests takes about that."""
MEMORY_MIB = 1024
"""What a fuzzer may use, in MiB: more is a finding."""


def main() -> int:
    """Fuzz; the exit status is 1 when something was found."""
    options = _options()
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed; the extra 'soak' brings it.", file=sys.stderr)
        return 2
    failed = []
    for target in options.target or TARGETS:
        seeds = CORPUS / target
        found = options.dir / target
        found.mkdir(parents=True, exist_ok=True)
        print(f"\n{target}, for {options.seconds} s …", flush=True)
        limits = [f"-max_total_time={options.seconds}", f"-dict={HERE / 'dictionary.txt'}"]
        if _fuzz(target, found, [str(found), str(seeds), *limits]) != 0:
            failed.append(target)
        elif options.keep:
            _keep(target, found, seeds)
    if failed:
        print(
            f"\nBroken: {', '.join(failed)}. 'python -m tests.fuzz.replay TARGET FILE' shows how."
        )
    return 1 if failed else 0


def _keep(target: str, found: Path, seeds: Path) -> None:
    """Take into the corpus what was found and reaches lines that nothing in it reaches."""
    # Without counters: how often a line is reached does not count, so that few are kept.
    _fuzz(target, found, ["-merge=1", "-use_counters=0", str(seeds), str(found)])


def _fuzz(target: str, found: Path, arguments: list[str]) -> int:
    command = [
        *(sys.executable, "-m", "tests.fuzz.worker", target),
        *(f"-max_len={MAX_LENGTH}", f"-rss_limit_mb={MEMORY_MIB}", "-timeout=10"),
        *(f"-artifact_prefix={found}-", "-print_final_stats=1", "-verbosity=0"),
    ]
    return subprocess.run([*command, *arguments]).returncode


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", choices=[*TARGETS, []], help="all, if none is named")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument(
        "--dir", type=Path, default=HERE / "found", help="where what is found goes (fuzz/found)"
    )
    parser.add_argument(
        "--keep", action="store_true", help="take what reaches something new into the corpus"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
