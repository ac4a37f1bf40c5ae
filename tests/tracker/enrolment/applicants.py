"""Those who ask to be let in."""

from __future__ import annotations

from hashlib import sha256
from itertools import count

from p2pfs.tracker.enrolment import Applicant

DAY = 86_400.0
NOW = 1_700_000_000.0
_serials = count(1 << 150)


def applicant(name: str, key: str = "", now: float = NOW, days: float = 30) -> Applicant:
    """One whose key is made of a word, commonly its name, with a certificate of its own."""
    made_of = sha256((key or name).encode()).digest()
    return Applicant(name, made_of, next(_serials), now, now + days * DAY, "192.0.2.7:6881")
