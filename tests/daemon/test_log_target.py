"""Where the log goes: by the options of twistd, and by what standard output is."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import ILogObserver, LogEvent, LogLevel
from twisted.python import syslog

from p2pfs.daemon.log_target import RenewableLogFile, is_journal, log_observer
from p2pfs.errors import StartupProblem
from p2pfs.testing import Host, Network

SAID: LogEvent = {
    "log_format": "Said {what}.",
    "what": "it\n",
    "log_level": LogLevel.warn,
    "log_namespace": "p2pfs.x",
    "log_time": 1.5,
}


@pytest.fixture(autouse=True)
def _signal() -> Iterator[None]:
    """Each test finds that nobody waits for SIGUSR1."""
    before = signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGUSR1, before)


@pytest.fixture
def host(network: Network) -> Host:
    """Whose reactor it is."""
    return network.add_host("host")


def observer(host: Host, as_json: bool = False, environ: Any = None, **server: Any) -> Any:
    """What writes for a daemon whose twistd has been given these options."""
    defaults = dict.fromkeys(["logger", "syslog", "logfile", "nodaemon"])
    options = {**defaults, "prefix": "p2pfs", **server}
    made = log_observer(options, LogLevel.info, as_json, host.reactor, environ or {})
    assert made is None or ILogObserver.providedBy(made)
    return made


def test_in_the_foreground_it_goes_to_standard_output(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where '-' says so; libraries' chatter does not."""
    for logfile in (None, "-"):
        write = observer(host, nodaemon=1, logfile=logfile)
        write(SAID)
        write({**SAID, "log_namespace": "log_legacy", "log_level": LogLevel.info})
        out = capsys.readouterr().out
        assert out.endswith(" warning: Said it\\u000a.\n")
        assert out.count("\n") == 1


def test_standard_output_may_be_the_journal(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then there is no date, but a priority."""
    with (tmp_path / "out").open("w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        status = os.fstat(out.fileno())
        environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        observer(host, environ=environ, nodaemon=1)(SAID)
    assert (tmp_path / "out").read_text() == "<4>warning: Said it\\u000a.\n"


def test_the_journal_is_known_by_device_and_inode(tmp_path: Path) -> None:
    """The variable is inherited also by who writes to somewhere else."""
    with (tmp_path / "out").open("w") as out:
        status = os.fstat(out.fileno())
        here = f"{status.st_dev}:{status.st_ino}"
        assert is_journal(out, {"JOURNAL_STREAM": here})
        for other in (f"{status.st_dev}:{status.st_ino + 1}", f"1{here}", "", "x"):
            assert not is_journal(out, {"JOURNAL_STREAM": other})
        assert not is_journal(out, {})
    assert not is_journal(out, {"JOURNAL_STREAM": here})  # it is closed


def test_a_file_is_appended_to(host: Host, tmp_path: Path) -> None:
    """The one that ``--logfile`` names, and never with priorities."""
    path = tmp_path / "log"
    path.write_text("before\n")
    observer(host, logfile=str(path))(SAID)
    lines = path.read_text().splitlines()
    assert lines[0] == "before"
    assert lines[1].endswith(" warning: Said it\\u000a.")


def test_a_record_a_line(host: Host, tmp_path: Path) -> None:
    """With ``--log-json``."""
    observer(host, as_json=True, logfile=str(tmp_path / "log"))(SAID)
    line = (tmp_path / "log").read_text()
    assert line.startswith("{")
    assert '"what": "it\\n"' in line
    assert line.count("\n") == 1


def test_an_observer_of_ones_own_is_left_alone(host: Host) -> None:
    """Whoever gives twistd ``--logger`` has it their way."""
    assert observer(host, logger=object()) is None


def test_syslog_gets_one_line_and_its_priority(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twisted's own observer says it, after what is not to be said was left out."""
    said: list[tuple[int, str]] = []

    def note(_: object, priority: int, text: str) -> None:
        said.append((priority, text))

    monkeypatch.setattr(syslog.SyslogObserver, "syslog", note)
    write = observer(host, syslog=True)
    write(SAID)
    write({**SAID, "log_level": LogLevel.debug})
    [(priority, line)] = said
    assert priority == 4
    assert line.endswith("Said it\\u000a.")


def test_a_file_that_cannot_be_opened_is_a_problem_of_the_start(host: Host, tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(StartupProblem, match=r"log file .* cannot be opened \(.*--logfile FILE"):
        observer(host, logfile=str(tmp_path / "nowhere" / "log"))


def test_in_the_background_there_is_no_standard_output(host: Host) -> None:
    """It is said, and not found out by a log that is empty."""
    with pytest.raises(StartupProblem, match="no standard output"):
        observer(host, logfile="-")


def test_a_file_is_moved_away_when_a_new_one_is_asked_for(tmp_path: Path) -> None:
    """As twistd has always done at SIGUSR1."""
    path = tmp_path / "log"
    file = RenewableLogFile.fromFullPath(str(path))
    file.write("one\n")
    file.renew()
    file.write("two\n")
    file.close()
    assert (path.read_text(), (tmp_path / "log.1").read_text()) == ("two\n", "one\n")


@pytest.mark.parametrize("creates", [False, True])
def test_a_file_that_others_moved_away_is_begun_anew(tmp_path: Path, creates: bool) -> None:
    """So logrotate works, whether it makes the new file or not."""
    path = tmp_path / "log"
    file = RenewableLogFile.fromFullPath(str(path))
    file.write("one\n")
    path.rename(tmp_path / "log.old")
    if creates:
        path.touch()
    file.renew()
    file.write("two\n")
    file.close()
    assert (path.read_text(), (tmp_path / "log.old").read_text()) == ("two\n", "one\n")
    assert not (tmp_path / "log.1").exists()


def test_the_signal_is_answered_in_the_reactor(
    network: Network, host: Host, tmp_path: Path
) -> None:
    """A handler may interrupt a line that is being written."""
    path = tmp_path / "log"
    write = observer(host, logfile=str(path))
    write(SAID)
    os.kill(os.getpid(), signal.SIGUSR1)
    assert not (tmp_path / "log.1").exists()
    network.run(0.1)
    write({**SAID, "what": "more"})
    assert "Said it" in (tmp_path / "log.1").read_text()
    assert "Said it" not in path.read_text()
    assert path.read_text().endswith(" warning: Said more.\n")


def test_who_has_the_signal_already_keeps_it(host: Host, tmp_path: Path) -> None:
    """It may be another part of the process."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    observer(host, logfile=str(tmp_path / "log"))
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN
