"""``python -m benchmarks.crowd``: a simulated crowd, and what it took beside what is possible."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from twisted.logger import globalLogBeginner

from benchmarks.crowd.options import parse
from benchmarks.crowd.picture import picture
from benchmarks.crowd.room import check_descriptors, place_for
from benchmarks.crowd.simulated import simulate
from benchmarks.problems import BenchmarkFailed, Skipped


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status says whether everybody got the file."""
    options = parse(arguments)
    crowd, plan = options.crowd, options.plan
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)
    began = time.perf_counter()
    try:
        check_descriptors(crowd)
        place = place_for(crowd, options.directory)
        with tempfile.TemporaryDirectory(prefix="p2pfs-", dir=place) as directory:
            outcome = simulate(plan, Path(directory), options.seed)
    except (BenchmarkFailed, Skipped) as error:
        print(error, file=sys.stderr)
        return 1
    seconds = time.perf_counter() - began
    print(f"{options.title}: {options.case.about}")
    print(f"  bound            {plan.bound:8.2f} s  {plan.bound_is}")
    print(outcome.report)
    fetched = plan.measured * plan.crowd.chunks
    print(
        f"Simulated in {seconds:.0f} s, {1000 * seconds / fetched:.2f} s for 1,000 chunks.",
        file=sys.stderr,
    )
    if options.svg is not None:
        title = f"{options.title}: {options.case.name}"
        options.svg.write_text(picture(title, outcome.curves, plan.bound, outcome.ends[-1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
