"""Publishing a file, and a directory of eight, against hashing as much with a thread per core.

A file is published with either hash. What SHA-256 costs without the processor's own instructions
for it shows with these masked: ``OPENSSL_ia32cap=":~0x20000000"``.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.problems import BenchmarkFailed
from benchmarks.report import GIB, Report, Verdict, comparison
from benchmarks.rivals import hashing
from benchmarks.stage import Daemon, Settings, Stage
from benchmarks.timing import Contender, Sample, interleave, time_ratio
from p2pfs.hashing import DEFAULT_HASH, HASHES

HASHING = {"blake3": "plain BLAKE3", "sha256": "plain SHA-256"}
ONE_FILE = {"blake3": "publish a file, BLAKE3", "sha256": "publish a file, SHA-256"}
DIRECTORY = "publish eight files, BLAKE3"
FILES = 8


def run(settings: Settings) -> Report:
    """The peer forgets what it published after every run, so that it hashes again."""
    size = settings.size(2048)
    with Stage(settings, 2 * size) as stage:
        original = stage.random_file("original", size)
        folder = stage.directory / "folder"
        folder.mkdir()
        for number in range(FILES):
            stage.random_file(f"folder/{number}", size // FILES)
        stage.tracker()
        peer = stage.peer("publisher")
        worker = stage.worker("hashing", hashing.__name__)

        def plain(name: str) -> Sample:
            return stage.measure(
                lambda: worker.ask("hash", str(original), name), [worker.process.pid]
            )

        contenders = [
            *(Contender(HASHING[name], partial(plain, name)) for name in HASHES),
            *(
                Contender(ONE_FILE[name], partial(_publish, stage, peer, original, 1, name))
                for name in HASHES
            ),
            Contender(DIRECTORY, lambda: _publish(stage, peer, folder, FILES, DEFAULT_HASH.value)),
        ]
        samples = interleave(contenders, settings.runs, stage.guard(size))
        report = comparison(
            f"publishing: {size / GIB:g} GiB, with {hashing.cores()} cores",
            samples,
            HASHING[DEFAULT_HASH.value],
            size,
        )
        pairs = [(ONE_FILE[name], HASHING[name]) for name in HASHES]
        report.verdicts = [
            Verdict(f"{name}: rate / {plainly}", 1 / ratio, 0.8, at_least=True)
            for name, plainly in [*pairs, (DIRECTORY, HASHING[DEFAULT_HASH.value])]
            for ratio in [time_ratio(samples, name, plainly)]
        ]
        report.peaks = stage.note_peaks()
        return report


def _publish(stage: Stage, peer: Daemon, path: Path, files: int, name: str) -> Sample:
    answers = []
    sample = stage.measure(
        lambda: answers.append(peer.ask("publish", "--hash", name, str(path))), [peer.process.pid]
    )
    published = answers[0]["published"]
    if len(published) != files or not all(file["listed"] for file in published):
        raise BenchmarkFailed(f"Not everything of {path.name} was published.")
    for file in published:
        peer.ask("unpublish", file["name"])
    return sample
