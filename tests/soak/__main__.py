"""``python -m tests.soak``: runs random histories and says which of them went wrong."""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

# Other processes import what they are to run by its name: it cannot lie in here.
from tests.soak.running import keep_quiet, parse_seeds, run_seed


def main() -> int:
    """Run the command line; the exit status says whether every history went well."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument(
        "--seeds", default="300", help="how many; or FIRST:END; or A,B,... (default: %(default)s)"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes to use")
    parser.add_argument("--log", action="store_true", help="print what happened in each")
    parser.add_argument("--digest", action="store_true", help="print a digest of each")
    options = parser.parse_args()
    try:
        seeds = list(parse_seeds(options.seeds))
    except ValueError:
        parser.error(f"--seeds {options.seeds}: give a number, FIRST:END, or A,B,...")
    began = time.monotonic()
    failed = delivered = 0
    context = get_context("spawn")
    with ProcessPoolExecutor(options.workers, context, keep_quiet) as pool:
        reports = pool.map(run_seed, seeds, [options.log] * len(seeds), chunksize=4)
        for seed, report in zip(seeds, reports, strict=True):
            delivered += report.delivered
            failed += bool(report.problems)
            if options.digest:
                print(seed, report.digest)
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
