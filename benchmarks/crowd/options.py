"""The command line of ``python -m benchmarks.crowd``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from benchmarks.crowd.cases import CASES, Case, case_named
from benchmarks.crowd.plan import Crowd, Plan

KIB = 1 << 10
MEGABIT = 1e6 / 8

ABOUT = """One source, and a crowd that wants its file, in simulation."""


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    case: Case
    crowd: Crowd
    seed: int
    svg: Path | None
    directory: Path | None
    """Where files are to lie, if that is said."""

    @property
    def plan(self) -> Plan:
        """The crowd in all detail; the same seed gives the same one."""
        return self.case.plan(self.crowd, Random(self.seed))

    @property
    def title(self) -> str:
        """The crowd in a line."""
        crowd = self.crowd
        return (
            f"{crowd.peers} peers, {crowd.chunks} chunks of {crowd.chunk_size / KIB:g} KiB, "
            f"{crowd.rate / MEGABIT:g} Mbit/s each way"
        )


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line; ends the process with a sentence when it cannot be meant."""
    cases = "\n".join(f"  {case.name:15} {case.about}" for case in CASES)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.crowd",
        description=ABOUT,
        epilog=f"cases:\n{cases}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--case",
        choices=[case.name for case in CASES],
        default=CASES[0].name,
        metavar="NAME",
        help="what is special about it: see below (default: %(default)s)",
    )
    parser.add_argument("--peers", type=int, default=12, help="downloaders (default: %(default)s)")
    parser.add_argument("--chunks", type=int, default=64, help="(default: %(default)s)")
    parser.add_argument("--chunk-kib", type=int, default=1024, help="(default: %(default)s)")
    parser.add_argument(
        "--mbit", type=float, default=40.0, help="of every link, each way (default: %(default)s)"
    )
    parser.add_argument("--latency-ms", type=float, default=1.0, help="of a host (default: 1)")
    parser.add_argument(
        "--scale",
        type=int,
        default=1,
        metavar="N",
        help="let each byte of a chunk stand for N, to need an N-th of the room (default: 1)",
    )
    parser.add_argument(
        "--segment-kib",
        type=int,
        default=16,
        help="what passes a link in one turn; larger ones are quicker to simulate (default: 16)",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--svg", type=Path, help="draw how far everybody was, into this file")
    parser.add_argument("--dir", type=Path, help="where files are to lie (default: in memory)")
    options = parser.parse_args(arguments)
    for name in ("peers", "chunks", "chunk_kib", "mbit", "scale", "segment_kib"):
        if not getattr(options, name) > 0:
            parser.error(f"--{name.replace('_', '-')} must be more than 0.")
    if options.latency_ms < 0:
        parser.error("--latency-ms must be 0 or more.")
    if options.chunk_kib * KIB % options.scale:
        parser.error(
            f"A chunk of {options.chunk_kib} KiB has no {options.scale}th part of whole bytes; "
            "choose a power of two for --scale."
        )
    crowd = Crowd(
        options.peers,
        options.chunks,
        options.chunk_kib * KIB,
        options.mbit * MEGABIT,
        options.latency_ms / 1000,
        options.scale,
        options.segment_kib * KIB,
    )
    return Options(case_named(options.case), crowd, options.seed, options.svg, options.dir)
