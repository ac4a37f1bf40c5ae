"""Downloads by p2pfs, as its users start them: over the control socket of a running peer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from threading import Thread

from benchmarks.problems import BenchmarkFailed
from benchmarks.stage import Daemon, Stage
from benchmarks.timing import Contender, Sample
from p2pfs.errors import P2pfsError
from tests.processes.daemons import sha256


class Transfer:
    """One file fetched by some peers at the same time, again and again.

    The clock runs from the request to the answer of the last peer, which comes
    when the file is whole, verified and under its name. Before the next run the
    peers share their copies no more, and the copies are removed.
    """

    def __init__(
        self, stage: Stage, remote: str, to: Sequence[Daemon], also_measure: Sequence[Daemon]
    ) -> None:
        """The processor time is that of ``to`` and ``also_measure``."""
        self._stage = stage
        self._remote = remote
        self._copies = {
            stage.directory / f"{remote}.{number}": peer for number, peer in enumerate(to)
        }
        self._pids = [daemon.process.pid for daemon in [*to, *also_measure]]
        self._found: set[tuple[int, str]] = set()
        self._checking = True

    def contender(self, name: str, original: Path) -> Contender:
        """This transfer as one of the things compared."""
        return Contender(name, self.run, partial(self.check, original))

    def run(self) -> Sample:
        """Fetch once."""
        sample = self._stage.measure(self._fetch, self._pids)
        for copy, peer in self._copies.items():
            if self._checking:
                self._found.add((copy.stat().st_size, sha256(copy)))
            peer.ask("unpublish", self._remote)
            copy.unlink()
        return sample

    def check(self, original: Path) -> None:
        """Raise `BenchmarkFailed` unless all that was fetched so far is like the original."""
        self._checking = False
        if self._found != {(original.stat().st_size, sha256(original))}:
            raise BenchmarkFailed(f"What was fetched of '{self._remote}' is not what it should be.")

    def _fetch(self) -> None:
        if len(self._copies) == 1:
            [(copy, peer)] = self._copies.items()
            peer.ask("download", self._remote, str(copy))
            return
        problems: list[str] = []

        def fetch(copy: Path, peer: Daemon) -> None:
            try:
                peer.ask("download", self._remote, str(copy))
            except P2pfsError as error:
                problems.append(str(error))

        threads = [
            Thread(target=fetch, args=fetched, daemon=True) for fetched in self._copies.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if problems:
            raise BenchmarkFailed(problems[0])
