"""One history from its seed to its report, in whichever process."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from twisted.logger import globalLogBeginner

from tests.soak.history import History
from tests.soak.plan import draw
from tests.soak.private_plan import draw_private
from tests.soak.report import Report


def run_seed(seed: int, keep_log: bool = False) -> Report:
    """The history of a seed, in a directory that is gone afterwards."""
    # In memory if possible: what is synced is simulated anyway.
    where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    plan = draw(seed)
    directory = Path(tempfile.mkdtemp(prefix="p2pfs-", dir=where))
    try:
        report = History(plan, draw_private(plan), directory).run()
    finally:
        shutil.rmtree(directory)
    if not (keep_log or report.problems):
        report.log.clear()
    return report


def keep_quiet() -> None:
    """Keep no log events of this process but those that a history asks for."""
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)


def parse_seeds(text: str) -> Iterable[int]:
    """``300`` is the seeds 0 to 299, ``7:9`` 7 and 8, ``42,43`` just these."""
    if "," in text:
        return [int(part) for part in text.split(",") if part]
    first, colon, end = text.partition(":")
    return range(int(first), int(end)) if colon else range(int(text))
