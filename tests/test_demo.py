"""The demo, run as its users run it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
TIMEOUT = 60


@pytest.fixture
def temporary(place: Path) -> Path:
    """The directory in which the demo makes its own."""
    path = place / "t"
    path.mkdir()
    return path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "demo", *arguments]


def environment(temporary: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(temporary)}


def assert_gone(output: str) -> None:
    """No process that the demo started is left."""
    pids = [int(pid) for pid in re.findall(r"^  .*: twistd .*, pid (\d+)$", output, re.MULTILINE)]
    assert pids
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_it_holds(temporary: Path) -> None:
    """Both readers end with the right file, though their first source dies; nothing is left."""
    demo = subprocess.run(
        command("--size-mib", "64"),
        cwd=CHECKOUT,
        env=environment(temporary),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert re.search(
        r"Killed the publisher \(pid \d+\) with SIGKILL at \d+% and \d+%\.", demo.stdout
    )
    digests = re.findall(r"\b[0-9a-f]{64}\b", demo.stdout)
    assert len(digests) == 4
    assert len(set(digests)) == 1
    sizes = [int(size.replace(",", "")) for size in re.findall(r"([\d,]+) bytes from", demo.stdout)]
    # Normally 64 MiB each; a file that was through too soon is made anew, larger.
    assert sum(sizes) in (2 * (64 << 20), 2 * (128 << 20), 2 * (256 << 20))
    assert_gone(demo.stdout)
    assert not list(temporary.iterdir())


def test_a_file_too_small_to_kill_a_source_midway(temporary: Path, tmp_path: Path) -> None:
    """A transfer that is over before the kill does not count as one that survived it."""
    small = tmp_path / "small.txt"
    small.write_text("It is all there at once.")
    demo = subprocess.run(
        command(str(small)),
        cwd=CHECKOUT,
        env=environment(temporary),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert demo.returncode == 1
    assert "Give a larger file." in demo.stderr
    assert_gone(demo.stdout)
    assert small.exists()
    assert not list(temporary.iterdir())


@pytest.mark.parametrize(("stop", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted(temporary: Path, stop: signal.Signals, status: int) -> None:
    """Ctrl-C and a plain kill leave neither processes nor files behind."""
    demo = subprocess.Popen(
        command("--size-mib", "16"),
        cwd=CHECKOUT,
        env=environment(temporary),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background may have them ignore SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert demo.stdout is not None
    seen = ""
    while "publisher: twistd" not in seen:
        line = demo.stdout.readline()
        assert line, "the demo ended before it started a peer"
        seen += line
    demo.send_signal(stop)
    rest, errors = demo.communicate(timeout=TIMEOUT)
    assert demo.returncode == status, errors
    assert "Traceback" not in errors
    assert_gone(seen + rest)
    assert not list(temporary.iterdir())
