"""``python -m fuzz``: let the targets be fuzzed, one after the other, each for a while."""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from fuzz import CORPUS, HERE, TARGETS

MAX_LENGTH = 6000
MEMORY_MIB = 1024


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
        print(f"\nBroken: {', '.join(failed)}. 'python -m fuzz.replay TARGET FILE' shows how.")
    return 1 if failed else 0


def _keep(target: str, found: Path, seeds: Path) -> None:
    """Take into the corpus what was found and reaches what nothing in it reaches."""
    merged = found.with_suffix(".merged")
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir()
    _fuzz(target, found, ["-merge=1", str(merged), str(seeds), str(found)])
    for file in merged.iterdir():
        shutil.copyfile(file, seeds / file.name)
    shutil.rmtree(merged)


def _fuzz(target: str, found: Path, arguments: list[str]) -> int:
    command = [
        *(sys.executable, "-m", "fuzz.worker", target),
        *(f"-max_len={MAX_LENGTH}", f"-rss_limit_mb={MEMORY_MIB}", "-timeout=10"),
        *(f"-artifact_prefix={found}-", "-print_final_stats=1", "-verbosity=1"),
    ]
    return subprocess.run([*command, *arguments]).returncode


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
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
