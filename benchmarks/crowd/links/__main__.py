"""``python -m benchmarks.crowd.links``: a flash crowd of real processes on real links.

It needs root, for the network namespaces that the processes run in.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path

from benchmarks import torrents
from benchmarks.crowd.links import daemon_swarm, findings, floor_swarm, torrent_swarm
from benchmarks.crowd.links.crowd import FASTER, SLOWER, Crowd
from benchmarks.crowd.links.namespaces import MAX_HOSTS
from benchmarks.crowd.links.race import Run, Swarm, run
from benchmarks.crowd.picture import picture
from benchmarks.problems import BenchmarkFailed, Skipped
from benchmarks.stage import check_room
from p2pfs.errors import P2pfsError
from tests.processes.daemons import random_file

KIB = 1 << 10
MEGABIT = 1e6 / 8
MAX_PEERS = MAX_HOSTS - 2
"""The source and the tracker have hosts as well."""


def main() -> int:
    """Run the command line; the exit status says whether everybody got the file each time."""
    options = _options()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupted)
    crowd = Crowd(
        options.peers,
        options.chunks,
        options.chunk_kib * KIB,
        options.mbit * MEGABIT,
        options.slow_tenth,
        options.fast_source,
    )
    try:
        runs = _runs(crowd, _swarms(crowd, options), options)
    except (BenchmarkFailed, Skipped, P2pfsError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    for name, found in runs.items():
        print(findings.report(name, found))
    for name in [name for name in runs if name != daemon_swarm.NAME]:
        ratio = findings.ratio(runs[daemon_swarm.NAME], runs[name])
        print(f"{daemon_swarm.NAME} / {name}: {ratio}")
    print(findings.COUNTED)
    if options.svg is not None:
        outcome = findings.typical(runs[daemon_swarm.NAME])
        end = max(outcome.bound, *(curve[-1][0] for curve in outcome.curves))
        options.svg.write_text(picture(str(crowd), outcome.curves, outcome.bound, end))
    return 0


def _runs(
    crowd: Crowd, swarms: dict[str, Swarm], options: argparse.Namespace
) -> dict[str, list[Run]]:
    """All runs of all contenders, who take turns."""
    check_room(options.dir, (crowd.peers + 1) * crowd.size, "smaller --chunks")
    found: dict[str, list[Run]] = {name: [] for name in swarms}
    with tempfile.TemporaryDirectory(prefix="p2pfs-", dir=options.dir) as directory:
        original = random_file(Path(directory) / "file", crowd.size)
        print(f"{crowd}; at best {crowd.bound:.2f} s", flush=True)
        for at in range(options.runs):
            for name, swarm in swarms.items():
                found[name].append(run(crowd, swarm, original, Path(directory) / "run"))
                if options.runs > 1:
                    last = found[name][-1].outcome.ends[-1]
                    print(f"  round {at + 1}: {name} took {last:.2f} s", flush=True)
    return found


def _swarms(crowd: Crowd, options: argparse.Namespace) -> dict[str, Swarm]:
    """The contenders by name; raises `Skipped` when one that is asked for is not installed."""
    with_libtorrent: bool | None = options.libtorrent
    swarms: dict[str, Swarm] = {daemon_swarm.NAME: daemon_swarm.p2pfs}
    if options.private:
        swarms[daemon_swarm.PRIVATE_NAME] = daemon_swarm.p2pfs_private
    if crowd.has_equal_links:
        swarms[floor_swarm.NAME] = floor_swarm.floor
    if with_libtorrent is False:
        return swarms
    try:
        torrents.check_installed()
    except Skipped as reason:
        if with_libtorrent:
            raise
        print(f"Without libtorrent: {reason}")
        return swarms
    return {**swarms, torrent_swarm.NAME: torrent_swarm.libtorrent}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crowd.links", description=__doc__)
    parser.add_argument("--peers", type=int, default=12, help="downloaders (default: %(default)s)")
    parser.add_argument("--chunks", type=int, default=64, help="(default: %(default)s)")
    parser.add_argument("--chunk-kib", type=int, default=1024, help="(default: %(default)s)")
    parser.add_argument(
        "--mbit", type=float, default=40.0, help="of every link, each way (default: %(default)s)"
    )
    parser.add_argument(
        "--slow-tenth",
        action="store_true",
        help=f"a tenth of the downloaders have links {SLOWER} times slower",
    )
    parser.add_argument(
        "--fast-source", action="store_true", help=f"the source sends {FASTER} times quicker"
    )
    parser.add_argument(
        "--private", action="store_true", help="compare with the same crowd in a private swarm"
    )
    rival = parser.add_mutually_exclusive_group()
    rival.add_argument(
        "--with-libtorrent",
        dest="libtorrent",
        action="store_true",
        default=None,
        help="compare with libtorrent (default: if it is installed)",
    )
    rival.add_argument("--without-libtorrent", dest="libtorrent", action="store_false")
    parser.add_argument("--runs", type=int, default=1, help="rounds (default: %(default)s)")
    parser.add_argument("--svg", type=Path, help="draw how far p2pfs was, into this file")
    memory = Path("/dev/shm")
    usual = memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
    parser.add_argument("--dir", type=Path, default=usual, help="where the files go (%(default)s)")
    options = parser.parse_args()
    if not 1 <= options.peers <= MAX_PEERS:
        parser.error(f"--peers is between 1 and {MAX_PEERS}")
    if min(options.chunks, options.chunk_kib, options.runs) < 1:
        parser.error("--chunks, --chunk-kib and --runs are at least 1")
    if options.mbit < 1:
        parser.error("--mbit is at least 1")
    options.dir = options.dir.absolute()
    if not options.dir.is_dir():
        parser.error(f"{options.dir} is no directory")
    return options


def _interrupted(number: int, frame: object) -> None:
    """Leave, and clean up on the way without being interrupted once more."""
    for other in (signal.SIGINT, signal.SIGTERM):
        signal.signal(other, signal.SIG_IGN)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("Interrupted; everything was cleaned up.", file=sys.stderr)
        sys.exit(130)
