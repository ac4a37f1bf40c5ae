"""Where the log goes, as twistd is told: to a file, standard output, the journal or syslog."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from typing import IO, Any

from twisted.logger import (
    FileLogObserver,
    ILogObserver,
    LegacyLogObserverWrapper,
    LogEvent,
    jsonFileLogObserver,
)
from twisted.python.logfile import LogFile
from zope.interface import implementer

from p2pfs.daemon.log_filter import Level, filtered
from p2pfs.daemon.log_text import (
    SYSLOG_PRIORITIES,
    dated_text,
    journal_text,
    level_of,
    message_of,
    record_of,
)
from p2pfs.errors import StartupProblem
from p2pfs.reactor import ThreadedReactor

TWISTD_LOG = "twistd.log"
"""Where twistd has a daemon in the background log, if nothing else was said."""

LOG_FILE_BYTES = 10 << 20
"""When a log file has this many bytes, a new one is begun."""

LOG_FILES = 10
"""As many earlier log files are kept: ``NAME.1`` is the latest of them."""


def log_observer(
    server: Mapping[str, Any],
    least: Level,
    as_json: bool,
    reactor: ThreadedReactor,
    environ: Mapping[str, str],
) -> ILogObserver | None:
    """Writes what is of level ``least`` or above where ``server``, the options of twistd, say.

    None when these name an observer of their own, which is not to be meddled with. With
    ``as_json`` there is a record a line. What SIGUSR1 does is done in ``reactor``. Raises
    `StartupProblem` when a log file cannot be opened.
    """
    if server["logger"]:
        return None
    return filtered(_target(server, as_json, reactor, environ), least)


def _target(
    server: Mapping[str, Any], as_json: bool, reactor: ThreadedReactor, environ: Mapping[str, str]
) -> ILogObserver:
    if server["syslog"]:
        # Not at the top: few have use for it.
        from twisted.python.syslog import SyslogObserver

        legacy: Any = SyslogObserver(server["prefix"]).emit
        return _ToSyslog(LegacyLogObserverWrapper(legacy))
    in_background = not server["nodaemon"]
    name = server["logfile"] or (TWISTD_LOG if in_background else "-")
    if name == "-":
        if in_background:
            raise StartupProblem(
                "In the background there is no standard output to log to; give --logfile FILE, or "
                "--nodaemon."
            )
        if as_json:
            return _json(sys.stdout)
        text = journal_text if is_journal(sys.stdout, environ) else dated_text
        return FileLogObserver(sys.stdout, text)
    file = _open(name)
    _renew_at_signal(file, reactor)
    # It takes text and bytes.
    return _json(file) if as_json else FileLogObserver(file, dated_text)  # type: ignore[arg-type]


def is_journal(stream: IO[Any], environ: Mapping[str, str]) -> bool:
    """Whether what is written to ``stream`` goes to the journal of systemd, by ``environ``."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # it is none of the system's
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class RenewableLogFile(LogFile):
    """A log file in whose place a new one can be begun, by itself or by others."""

    def renew(self) -> None:
        """Begin a new file.

        Where somebody has moved the present one away, such as logrotate, the new one has its
        name; otherwise it is moved here, as when it is full.
        """
        try:
            is_there = os.path.samestat(os.stat(self.path), os.fstat(self._file.fileno()))
        except OSError:
            is_there = False
        if is_there:
            self.rotate()  # type: ignore[no-untyped-call]  # Twisted's is not annotated
        else:
            self.reopen()  # type: ignore[no-untyped-call]  # as above


def _open(name: str) -> RenewableLogFile:
    try:
        file: RenewableLogFile = RenewableLogFile.fromFullPath(  # type: ignore[no-untyped-call]  # as above
            name, LOG_FILE_BYTES, maxRotatedFiles=LOG_FILES
        )
    except OSError as error:
        raise StartupProblem(
            f"The log file {name} cannot be opened ({error.strerror}); give another with "
            "--logfile FILE before the daemon's name."
        ) from None
    return file


def _renew_at_signal(file: RenewableLogFile, reactor: ThreadedReactor) -> None:
    if signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL:
        signal.signal(signal.SIGUSR1, lambda *_: reactor.callFromThread(file.renew))


def _json(file: Any) -> ILogObserver:
    # One record a line, for jq, the journal and what gathers logs; Twisted reads these too.
    return _Records(jsonFileLogObserver(file, recordSeparator=""))


@implementer(ILogObserver)
class _Records:
    """Hands on records instead of events."""

    def __init__(self, target: ILogObserver) -> None:
        self._target = target

    def __call__(self, event: LogEvent) -> None:
        self._target(record_of(event))


@implementer(ILogObserver)
class _ToSyslog:
    """Hands on events as syslog wants them: in one line, with a priority."""

    def __init__(self, target: ILogObserver) -> None:
        self._target = target

    def __call__(self, event: LogEvent) -> None:
        said = {"log_format": "{log_text}", "log_text": message_of(event)}
        priority = SYSLOG_PRIORITIES[level_of(event)]
        self._target({**event, **said, "syslogPriority": priority})
