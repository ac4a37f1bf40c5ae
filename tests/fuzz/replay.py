"""Run inputs through a target, not a fuzzer: ``python -m tests.fuzz.replay TARGET [FILE …]``."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Callable
from pathlib import Path

from tests.fuzz import CORPUS, TARGETS


def target(name: str) -> Callable[[bytes], None]:
    """The function of that name."""
    run: Callable[[bytes], None] = importlib.import_module(f"tests.fuzz.targets.{name}").run
    return run


def corpus(name: str) -> list[Path]:
    """The inputs kept for a target."""
    return sorted(path for path in (CORPUS / name).iterdir() if path.is_file())


def main() -> int:
    """Run the files named, or the whole corpus of the target."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        print(f"{__doc__}\nThe targets are {', '.join(TARGETS)}.", file=sys.stderr)
        return 2
    run = target(sys.argv[1])
    gc.freeze()
    files = [Path(name) for name in sys.argv[2:]] or corpus(sys.argv[1])
    for file in files:
        print(file, flush=True)
        run(file.read_bytes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
