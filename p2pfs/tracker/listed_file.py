"""A file on the network as the tracker lists it, and for how long it keeps its name.

A name belongs to the content that was listed first, as long as those who are there can complete
it. When they cannot, it is kept for a while for who left without a word, and is free then.
Beside that there is who has signed it, if anybody: see `p2pfs.tracker.titles`.

All times are in seconds, by one clock.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from p2pfs.chunks import FileInfo
from p2pfs.errors import Refused
from p2pfs.membership import Signature
from p2pfs.tracker.holders import Holders

KEPT_SECONDS = 60.0
"""How long the name of what nobody can complete is kept, since somebody left who could help it.

A publisher that restarts, or whose connection breaks, is back sooner.
"""

MOST_NAMED = 3
"""Holders that a refusal names."""
_NAMED_CHARACTERS = 120
"""The same in characters, but for the first: a refusal is a sentence."""


class ListedFile:
    """A file on the network, who holds which chunks of it, and how long its name is kept."""

    __slots__ = ("_kept_for", "_kept_until", "holders", "info", "name", "signature", "since")

    def __init__(
        self,
        name: str,
        info: FileInfo,
        signature: Signature | None,
        since: float,
        host_of: Callable[[str], str],
    ) -> None:
        self.name = name
        self.info = info
        self.signature = signature
        """By who says that the name means this; None is for nobody."""
        self.since = since
        """When it was listed."""
        self.holders = Holders(info.totalchunknum, host_of)
        self._kept_for: str | None = None
        self._kept_until = since

    def leaves(self, holder: str, identity: str, now: float) -> None:
        """A holder is about to leave without having given the file up: it may come back.

        ``identity`` is what it can be told by then.
        """
        holders = self.holders
        is_needed = holders.may_be_complete and not holders.whole_copies
        if is_needed or not holders.has_part(holder):
            alone = now >= self._kept_until or self._kept_for == identity
            self.keep(identity if alone else None, now)

    def keep(self, identity: str | None, now: float) -> None:
        """Keep its name for a while, if need be, from all but the one of that identity."""
        self._kept_for, self._kept_until = identity, now + KEPT_SECONDS

    def kept_from(self, identity: str, now: float) -> float:
        """Seconds for which its name is kept from somebody, when nobody can complete it."""
        return 0.0 if identity == self._kept_for else max(0.0, self._kept_until - now)

    @property
    def whole_copies(self) -> int:
        """How many holders have every chunk."""
        return self.holders.whole_copies

    def check_free(self, identity: str, info: FileInfo, now: float) -> None:
        """Raise `Refused` unless the peer of that identity may have its name for another content.

        That is as if nobody had signed anything.
        """
        if self.holders.complete:
            raise self.taken(info)
        left = self.kept_from(identity, now)
        if left > 0:
            raise Refused(
                "Another content is listed under that name. Nobody here has all of it, but who had "
                f"may come back: the name is kept for another {ceil(left)} s. Try again then, or "
                "choose another name."
            )

    def taken(self, info: FileInfo) -> Refused:
        """For another content, of ``info``: this one has the name, and who holds it."""
        some, count = self.holders.some(MOST_NAMED), len(self.holders)
        while len(some) > 1 and sum(map(len, some)) > _NAMED_CHARACTERS:
            some.pop()
        more = f" and {count - len(some)} more" if count > len(some) else ""
        return Refused(
            f"Another content is listed under that name, held by {', '.join(some)}{more}; choose "
            f"another name, or have it unpublished there.{_other_hash(self.info, info)}"
        )


def _other_hash(listed: FileInfo, info: FileInfo) -> str:
    """What is said besides of what may be the same content by another hash."""
    if listed.filesize != info.filesize or listed.function is info.function:
        return ""
    name = listed.function.value
    return f" It is listed with the hash {name}: --hash {name} publishes the same content."
