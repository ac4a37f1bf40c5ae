"""What the benchmarks calculate and print; and that they run, with little to do."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import benchmarks.__main__
from benchmarks.__main__ import BENCHMARKS
from benchmarks.problems import BenchmarkFailed, Skipped
from benchmarks.processes import CHECKOUT, cpu_seconds, memory, time_limit
from benchmarks.report import GIB, Report, Verdict, comparison, table
from benchmarks.stage import Settings, Stage
from benchmarks.timing import (
    Contender,
    Sample,
    cpu_ratio,
    interleave,
    median_cpu,
    median_seconds,
    time_ratio,
)


def samples(*seconds: float) -> list[Sample]:
    return [Sample(value, 2 * value) for value in seconds]


def test_contenders_take_turns_and_the_warm_up_does_not_count():
    calls = []

    def contender(name):
        def run():
            calls.append(name)
            return Sample(float(len(calls)))

        return Contender(name, run, lambda: calls.append(f"check {name}"))

    found = interleave([contender("A"), contender("B")], 2)
    assert calls == ["A", "check A", "B", "check B", "A", "B", "A", "B"]
    assert found == {"A": [Sample(5), Sample(7)], "B": [Sample(6), Sample(8)]}


def test_every_run_is_guarded():
    guarded = []

    @contextmanager
    def guard(name):
        guarded.append(name)
        yield

    interleave([Contender("A", lambda: Sample(1))], 3, guard)
    assert guarded == ["A"] * 4


@pytest.mark.parametrize("runs", [0, -1])
def test_there_has_to_be_a_run(runs):
    with pytest.raises(ValueError, match="median"):
        interleave([Contender("A", lambda: Sample(1))], runs)


def test_names_have_to_differ():
    with pytest.raises(ValueError, match="same name"):
        interleave([Contender("A", lambda: Sample(1))] * 2, 1)


def test_a_run_without_duration_is_no_run():
    with pytest.raises(BenchmarkFailed, match="no time"):
        interleave([Contender("A", lambda: Sample(0))], 1)


def test_a_ratio_is_the_median_of_the_ratios_of_the_rounds():
    # The quotient of the medians would be 3 / 2.
    found = {"A": samples(1, 3, 10), "B": samples(2, 1, 5)}
    assert time_ratio(found, "A", "B") == 2
    assert cpu_ratio(found, "A", "B") == 2
    assert median_seconds(found["A"]) == 3
    assert median_cpu(found["A"]) == 6


def test_processor_time_that_is_not_known_has_no_ratio():
    found = {"A": samples(1, 2), "B": [Sample(1, 1), Sample(1)], "C": samples(1)}
    assert cpu_ratio(found, "A", "B") is None
    assert median_cpu(found["B"]) is None
    with pytest.raises(ValueError, match="zip"):
        time_ratio(found, "A", "C")


@pytest.mark.parametrize(
    ("measured", "at_least", "met"),
    [(1.3, False, True), (1.5, False, False), (1.3, True, False), (1.5, True, True)],
)
def test_a_target_is_met_from_the_right_side(measured, at_least, met):
    verdict = Verdict("speed", measured, 1.4, "s", at_least)
    assert verdict.met is met
    assert str(verdict).endswith("met" if met else "MISSED")


def test_a_target_is_met_when_it_is_just_reached():
    assert Verdict("", 1.4, 1.4).met
    assert Verdict("", 1.4, 1.4, at_least=True).met


def test_a_table_is_as_wide_as_its_cells():
    assert table(["", "time"], [["short", "1 s"], ["a longer name", "10.5 s"]]) == [
        "                   time",
        "  short             1 s",
        "  a longer name  10.5 s",
    ]


def test_a_comparison_has_rates_and_ratios():
    found = {"floor": samples(1, 1), "p2pfs": samples(2, 2), "curl": [Sample(4), Sample(4)]}
    report = comparison("one to one", found, "floor", GIB)
    assert report.rows == [
        ["floor", "1.000 s", "1,024 MiB/s", "1.00", "2.00 s"],
        ["p2pfs", "2.000 s", "512 MiB/s", "2.00", "4.00 s"],
        ["curl", "4.000 s", "256 MiB/s", "4.00", ""],
    ]


def test_a_report_is_there_for_people_and_for_programs():
    report = Report("title", ["", "time"], [["p2pfs", "1 s"]], [Verdict("time", 1, 2, "s")])
    report.samples = {"p2pfs": samples(1)}
    report.peaks = {"source": 3 << 20}
    text = str(report)
    assert "time: 1.00 s, target at most 2 s: met" in text
    assert "source 3.0 MiB" in text
    data = json.loads(json.dumps(report.data()))
    assert data["targets"][0]["met"] is True
    assert data["samples"] == {"p2pfs": [{"seconds": 1, "cpu": 2}]}
    assert data["peak_memory_bytes"] == {"source": 3 << 20}


def test_a_run_that_takes_too_long_is_interrupted():
    with pytest.raises(BenchmarkFailed, match="slow"), time_limit(0.01, "slow"):
        time.sleep(20)


def test_what_a_process_used_is_read_from_the_kernel():
    with subprocess.Popen(["sleep", "20"]) as process:
        assert cpu_seconds([process.pid, process.pid]) < 1
        assert 0 < memory(process.pid, "VmRSS") <= memory(process.pid, "VmHWM")
        process.kill()


def test_without_room_nothing_is_begun(tmp_path):
    with pytest.raises(Skipped, match="--dir"):
        Stage(Settings(1, tmp_path), 1 << 60)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_runs_and_leaves_nothing_behind(name: str, tmp_path: Path):
    result = tmp_path / "result.json"
    # Not in tmp_path: there are control sockets below it, and their paths have to be short.
    with TemporaryDirectory(prefix="bench-") as place:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "benchmarks", name),
                *("--runs=1", "--size-mib=3", "--files=20", "--peers=20"),
                *(f"--dir={place}", f"--json={result}"),
            ],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=110,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert not list(Path(place).iterdir())
    [(found, report)] = json.loads(result.read_text())["benchmarks"].items()
    assert found == name
    assert report["samples"]
    assert report["peak_memory_bytes"]
    assert f"{name}: " in done.stdout


def test_without_a_name_all_benchmarks_are_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    ran: list[str] = []

    def only_noted(name: str) -> Callable[[Settings], Report]:
        return lambda settings: ran.append(name) or Report(name, [], [])

    monkeypatch.setattr(
        benchmarks.__main__, "BENCHMARKS", {name: only_noted(name) for name in BENCHMARKS}
    )
    monkeypatch.setattr(sys, "argv", ["benchmarks", f"--dir={tmp_path}"])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert benchmarks.__main__.main() == 0
    assert ran == list(BENCHMARKS)
    assert len(ran) == 11
