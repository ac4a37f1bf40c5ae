"""Which events the log shows: those from a level on; the chatter of libraries is of the lowest."""

from __future__ import annotations

from typing import Any, TypeAlias

from twisted.logger import (
    FilteringLogObserver,
    ILogFilterPredicate,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    PredicateResult,
)
from zope.interface import implementer

from p2pfs.errors import UsageProblem

Level: TypeAlias = Any
"""One of the constants of ``LogLevel``, which have an order, but no annotations."""

LEVELS: dict[str, Level] = {level.name: level for level in LogLevel.iterconstants()}
"""The levels there are by their names, the least important first."""

DEFAULT_LEVEL = "info"

OF_INTEREST = {
    # Twisted says what its factories, ports and retries do, ...
    "twisted": LogLevel.warn,
    "log_legacy": LogLevel.warn,
    # ... and conch calls it an error that the other side ends a session.
    "twisted.conch": LogLevel.critical,
}
"""From which level on libraries say what is of interest, by their namespaces."""


def level_named(name: str) -> Level:
    """The level of that name; raises `UsageProblem` when there is none."""
    try:
        return LEVELS[name]
    except KeyError:
        raise UsageProblem(
            f"'{name}' is no level of the log; give one of {', '.join(LEVELS)}."
        ) from None


def filtered(target: ILogObserver, least: Level) -> ILogObserver:
    """Hands on to ``target`` what is of level ``least`` or above.

    What libraries tell of their work counts as debug, and is handed on as that. What tells of
    a failure is handed on in any case: it is a defect, and who is to mend it needs it.
    """
    shown = FilteringLogObserver(target, [_Failures(), LogLevelFilterPredicate(least)])
    libraries = LogLevelFilterPredicate(LogLevel.debug)
    for namespace, level in OF_INTEREST.items():
        libraries.setLogLevelForNamespace(namespace, level)
    return FilteringLogObserver(shown, [_Failures(), libraries], _AsDebug(shown))


@implementer(ILogFilterPredicate)
class _Failures:
    """Lets them through; what else there is, is for others to say."""

    def __call__(self, event: LogEvent) -> Level:
        is_failure = event.get("log_failure") is not None
        return PredicateResult.yes if is_failure else PredicateResult.maybe


@implementer(ILogObserver)
class _AsDebug:
    """Hands on events as of the lowest level; others see them as they are."""

    def __init__(self, target: ILogObserver) -> None:
        self._target = target

    def __call__(self, event: LogEvent) -> None:
        self._target({**event, "log_level": LogLevel.debug})
