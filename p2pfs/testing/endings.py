"""The last of simulated processes: coroutines that nothing will ever go on with."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import CodeType, CoroutineType, FunctionType, ModuleType
from typing import Any

from twisted.logger import Logger, LogPublisher, globalLogPublisher

# What leads out of a simulation, or nowhere.
_FOREIGN = (ModuleType, type, CodeType, Logger, LogPublisher, str, bytes, int, float)


def end_coroutines(roots: Iterable[object], beyond: Iterable[object]) -> int:
    """Close the suspended coroutines that hang on ``roots``; returns how many there were.

    Python closes a coroutine when it is collected: that runs its ``finally`` blocks at
    no particular time, and complains when they wait for something. Here they run at
    once, and what they raise or log concerns nobody: the process they belong to has ended.
    What is ``beyond`` is left alone, with all that hangs on it alone.
    """
    found = [
        coroutine
        for coroutine in reachable(roots, beyond)
        if isinstance(coroutine, CoroutineType)
        and inspect.getcoroutinestate(coroutine) == inspect.CORO_SUSPENDED
    ]
    with _silence():
        for coroutine in found:
            try:
                coroutine.close()
            except Exception:  # test_a_clean_up_that_waits_is_ended_quietly
                continue
    return len(found)


@contextmanager
def _silence() -> Iterator[None]:
    """Nobody hears what is logged: a clean-up may cancel what was closed a moment before."""
    # A publisher does not say who its observers are.
    observers, globalLogPublisher._observers = globalLogPublisher._observers, []
    try:
        yield
    finally:
        globalLogPublisher._observers = observers


def reachable(roots: Iterable[object], beyond: Iterable[object]) -> list[object]:
    """All objects that hang on ``roots``, without those ``beyond`` and what hangs on these."""
    start = list(roots)
    seen = {id(thing): thing for thing in beyond}
    reached: list[object] = []
    # Millions of things are of a few hundred types.
    foreign: dict[type, bool] = {}
    waiting: list[Any] = [start]
    while waiting:
        thing = waiting.pop()
        kind = type(thing)
        if kind not in foreign:
            foreign[kind] = issubclass(kind, _FOREIGN)
        if foreign[kind] or id(thing) in seen:
            continue
        seen[id(thing)] = thing
        reached.append(thing)
        if isinstance(thing, FunctionType):
            waiting += [thing.__closure__, thing.__defaults__, thing.__kwdefaults__]
        else:
            waiting += gc.get_referents(thing)
    return reached
