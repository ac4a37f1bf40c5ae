"""``python -m benchmarks``: run some or all of them, and say what came of it."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import p2pfs
import twisted
from benchmarks import (
    base64_chunks,
    big_chunks,
    many_shares,
    many_sources,
    members,
    memory,
    one_to_one,
    private,
    publishing,
    small_files,
    tracker_load,
)
from benchmarks.problems import BenchmarkFailed, Skipped
from benchmarks.report import Report
from benchmarks.rivals.hashing import cores
from benchmarks.stage import Settings, on_tmpfs
from p2pfs.errors import P2pfsError

BENCHMARKS: dict[str, Callable[[Settings], Report]] = {
    "one_to_one": one_to_one.run,
    "private": private.run,
    "members": members.run,
    "many_sources": many_sources.run,
    "big_chunks": big_chunks.run,
    "base64": base64_chunks.run,
    "publishing": publishing.run,
    "many_shares": many_shares.run,
    "small_files": small_files.run,
    "memory": memory.run,
    "tracker_load": tracker_load.run,
}


def main() -> int:
    """Run them; the exit status is 1 when one of them has no result."""
    options = _options()
    names = options.name or list(BENCHMARKS)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    settings = Settings(options.runs, options.dir, options.size_mib, options.files, options.peers)
    machine = _machine()
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    if not on_tmpfs(options.dir):
        print(f"{options.dir} is on no tmpfs: the disk is measured too.")
    reports: dict[str, Report] = {}
    problems: dict[str, str] = {}
    for name in names:
        print(f"\n{name} …", flush=True)
        began = time.monotonic()
        try:
            reports[name] = BENCHMARKS[name](settings)
        except Skipped as reason:
            problems[name] = f"skipped: {reason}"
        except (BenchmarkFailed, P2pfsError, OSError, AssertionError) as error:
            problems[name] = f"failed: {error or type(error).__name__}"
        print(reports.get(name) or f"  {problems[name]}")
        print(f"  ({time.monotonic() - began:.0f} s)", flush=True)
        if options.json is not None:  # each time, so that an interruption loses little
            data: dict[str, Any] = {"machine": machine, "runs": settings.runs, "problems": problems}
            data["benchmarks"] = {done: report.data() for done, report in reports.items()}
            options.json.write_text(json.dumps(data, indent=2) + "\n")
    print("\n" + _summary(names, reports, problems))
    return 1 if problems else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "name", nargs="*", help=f"which to run; all if not given: {', '.join(BENCHMARKS)}"
    )
    parser.add_argument("--runs", type=int, default=5, help="rounds after a warm-up; usually 5")
    parser.add_argument(
        "--dir", type=Path, default=Path("/dev/shm"), help="where the files go; usually /dev/shm"
    )
    parser.add_argument("--size-mib", type=int, help="move so many MiB instead of the usual size")
    parser.add_argument("--files", type=int, help="make so many files instead of the usual number")
    parser.add_argument("--peers", type=int, help="connect so many peers instead of 5,000")
    parser.add_argument("--json", type=Path, help="write everything to this file too")
    options = parser.parse_args()
    for name in options.name:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark '{name}'; there are {', '.join(BENCHMARKS)}")
    if any(value is not None and value < 1 for value in (options.runs, options.size_mib)):
        parser.error("--runs and --size-mib are at least 1")
    for name, value in (("--files", options.files), ("--peers", options.peers)):
        if value is not None and value < 1:
            parser.error(f"{name} is at least 1")
    options.dir = options.dir.absolute()
    if not options.dir.is_dir():
        parser.error(f"{options.dir} is no directory")
    return options


def _machine() -> dict[str, Any]:
    return {
        "p2pfs": p2pfs.__version__,
        "Python": platform.python_version(),
        "Twisted": twisted.__version__,
        "Linux": os.uname().release,
        "cores": cores(),
    }


def _summary(names: list[str], reports: dict[str, Report], problems: dict[str, str]) -> str:
    lines = ["Summary"]
    for name in names:
        if name in problems:
            lines.append(f"  {name}: {problems[name]}")
        else:
            lines += [f"  {name}: {verdict}" for verdict in reports[name].verdicts]
    verdicts = [verdict for report in reports.values() for verdict in report.verdicts]
    missed = sum(not verdict.met for verdict in verdicts)
    lines.append(f"{len(verdicts) - missed} targets met, {missed} missed.")
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("Interrupted; everything was cleaned up.", file=sys.stderr)
        sys.exit(130)
