"""``python -m benchmarks.crowd``: one source, and a crowd that wants its file, in simulation."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from twisted.logger import globalLogBeginner

from benchmarks.crowd.picture import picture
from benchmarks.crowd.simulated import Crowd, simulate
from benchmarks.problems import BenchmarkFailed

KIB = 1 << 10
MEGABIT = 1e6 / 8


def main() -> int:
    """Run the command line; the exit status says whether everybody got the file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crowd", description=__doc__)
    parser.add_argument("--peers", type=int, default=12, help="downloaders (default: %(default)s)")
    parser.add_argument("--chunks", type=int, default=64, help="(default: %(default)s)")
    parser.add_argument("--chunk-kib", type=int, default=1024, help="(default: %(default)s)")
    parser.add_argument(
        "--mbit", type=float, default=40.0, help="of every link, each way (default: %(default)s)"
    )
    parser.add_argument("--latency-ms", type=float, default=1.0, help="of a host (default: 1)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--svg", type=Path, help="draw how far everybody was, into this file")
    options = parser.parse_args()
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)
    crowd = Crowd(
        options.peers,
        options.chunks,
        options.chunk_kib * KIB,
        options.mbit * MEGABIT,
        options.latency_ms / 1000,
    )
    # In memory if possible: a simulated disk takes no time, a real one would.
    where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="p2pfs-", dir=where) as directory:
        try:
            outcome = simulate(crowd, Path(directory), options.seed)
        except BenchmarkFailed as error:
            print(error, file=sys.stderr)
            return 1
    print(
        f"{crowd.peers} peers, {crowd.chunks} chunks of {options.chunk_kib} KiB, "
        f"{options.mbit:g} Mbit/s each way; at best {crowd.bound:.2f} s"
    )
    print(outcome.report)
    if options.svg is not None:
        title = f"{crowd.peers} peers, {crowd.chunks} chunks of {options.chunk_kib} KiB"
        options.svg.write_text(picture(title, outcome.curves, crowd.bound, outcome.ends[-1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
