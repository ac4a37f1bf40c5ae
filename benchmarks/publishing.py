"""Publishing a file, and a directory of eight, against hashing as much with a thread per core."""

from __future__ import annotations

from pathlib import Path

from benchmarks.problems import BenchmarkFailed
from benchmarks.report import GIB, Report, Verdict, comparison
from benchmarks.rivals import hashing
from benchmarks.stage import Daemon, Settings, Stage
from benchmarks.timing import Contender, Sample, interleave, time_ratio

HASHING = "plain hashing"
ONE_FILE = "publish a file"
DIRECTORY = "publish eight files"
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

        def plain() -> Sample:
            return stage.measure(lambda: worker.ask("hash", str(original)), [worker.process.pid])

        contenders = [
            Contender(HASHING, plain),
            Contender(ONE_FILE, lambda: _publish(stage, peer, original, 1)),
            Contender(DIRECTORY, lambda: _publish(stage, peer, folder, FILES)),
        ]
        samples = interleave(contenders, settings.runs, stage.guard(size))
        report = comparison(
            f"publishing: {size / GIB:g} GiB, with {hashing.cores()} cores", samples, HASHING, size
        )
        report.verdicts = [
            Verdict(f"{name}: rate / {HASHING}", 1 / ratio, 0.8, at_least=True)
            for name in (ONE_FILE, DIRECTORY)
            for ratio in [time_ratio(samples, name, HASHING)]
        ]
        report.peaks = stage.note_peaks()
        return report


def _publish(stage: Stage, peer: Daemon, path: Path, files: int) -> Sample:
    answers = []
    sample = stage.measure(
        lambda: answers.append(peer.ask("publish", str(path))), [peer.process.pid]
    )
    published = answers[0]["published"]
    if len(published) != files or not all(file["listed"] for file in published):
        raise BenchmarkFailed(f"Not everything of {path.name} was published.")
    for file in published:
        peer.ask("unpublish", file["name"])
    return sample
