"""Changes to a script that leave its steps whole; libFuzzer changes what is in them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.fuzz.script import SEPARATOR

Mutate = Callable[[bytes, int], bytes]
"""libFuzzer's own mutation: the data, and how long the result may be."""


def mutate(data: bytes, max_size: int, seed: int, within: Mutate) -> bytes:
    """Half of the time change the order of steps, else the bytes of one step or of all."""
    random = Random(seed)
    steps = data.split(SEPARATOR)
    if len(steps) < 2 or random.random() < 0.25:
        return bytes(within(data, max_size))
    place = random.randrange(len(steps))
    kind = random.randrange(6)
    if kind == 0:
        del steps[place]
    elif kind == 1:
        steps.insert(random.randrange(len(steps)), steps[place])
    elif kind == 2:
        other = random.randrange(len(steps))
        steps[place], steps[other] = steps[other], steps[place]
    else:
        room = max(1, max_size - len(data) + len(steps[place]))
        steps[place] = bytes(within(steps[place], room))
    return SEPARATOR.join(steps)[:max_size]
