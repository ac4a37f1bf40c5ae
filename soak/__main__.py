"""``python -m soak``: runs random histories and says which of them went wrong."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from twisted.logger import globalLogBeginner

from soak.history import History, Report
from soak.plan import draw

MEMORY_CHECK_EVERY = 10
"""Of so many histories one is searched for connections kept in memory, which takes time."""


def run_seed(seed: int, keep_log: bool = False) -> Report:
    """The history of a seed, in a directory that is gone afterwards."""
    # In memory if possible: what is synced is simulated anyway.
    where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    directory = Path(tempfile.mkdtemp(prefix="p2pfs-", dir=where))
    try:
        report = History(draw(seed), directory, seed % MEMORY_CHECK_EVERY == 0).run()
    finally:
        shutil.rmtree(directory)
    if not (keep_log or report.problems):
        report.log.clear()
    return report


def _prepare() -> None:
    """Keep no log events but those that a history asks for."""
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)


def parse_seeds(text: str) -> Iterable[int]:
    """``300`` is the seeds 0 to 299, ``7:9`` 7 and 8, ``42,43`` just these."""
    if "," in text:
        return [int(part) for part in text.split(",") if part]
    first, colon, end = text.partition(":")
    return range(int(first), int(end)) if colon else range(int(text))


def main() -> int:
    """Run the command line; the exit status says whether every history went well."""
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument(
        "--seeds", default="300", help="how many; or FIRST:END; or A,B,... (default: %(default)s)"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes to use")
    parser.add_argument("--log", action="store_true", help="print what happened in each")
    options = parser.parse_args()
    try:
        seeds = list(parse_seeds(options.seeds))
    except ValueError:
        parser.error(f"--seeds {options.seeds}: give a number, FIRST:END, or A,B,...")
    began = time.monotonic()
    failed = delivered = 0
    context = get_context("spawn")
    with ProcessPoolExecutor(options.workers, context, _prepare) as pool:
        reports = pool.map(run_seed, seeds, [options.log] * len(seeds), chunksize=4)
        for seed, report in zip(seeds, reports, strict=True):
            delivered += report.delivered
            failed += bool(report.problems)
            if report.problems or options.log:
                print("\n".join([f"--- seed {seed}", *report.log, *report.problems]))
            if report.problems:
                print(f"repeat it with: make soak SEEDS={seed}:{seed + 1}", flush=True)
    seconds = time.monotonic() - began
    print(
        f"{len(seeds)} histories, {delivered} files delivered, {failed} histories went wrong; "
        f"{seconds:.1f} s."
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
