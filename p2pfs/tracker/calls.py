"""Passing on that a downloader wants a peer to connect to it: to whom it may, and how often."""

from __future__ import annotations

from collections import Counter

from p2pfs.errors import Refused
from p2pfs.tracker.peers import Peer, Peers

WINDOW = 10.0
"""Seconds over which calls are counted."""

MOST_OF_A_HOST = 256
"""Calls that the peers of one host may make in that time."""

MOST_TO_A_PEER = 64
"""Calls that are passed on to one peer in that time."""

LONGEST_TOKEN = 64
"""Characters."""


class Calls:
    """Who may call whom. What it remembers is bounded by who is there, and by its window."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers
        self._since = 0.0
        self._made: Counter[str] = Counter()
        self._passed_on: Counter[Peer] = Counter()

    def callee(self, asking: Peer, peer: str, token: str, now: float) -> Peer:
        """The peer to be told to connect to who asks; raises `Refused`.

        Nobody can aim it at a stranger: it only goes to where who asks was found itself.
        """
        callee = self._peers.called(peer)
        if callee is None or callee is asking or not callee.fingerprint:
            raise Refused("No such peer is here; it may have left.")
        if not asking.reachable:
            known = "is not known yet to be" if asking.reachable is None else "is not"
            raise Refused(f"Your address {known} one that others can connect to.")
        if not 0 < len(token) <= LONGEST_TOKEN:
            raise Refused(f"A token has 1 to {LONGEST_TOKEN} characters.")
        if now - self._since >= WINDOW:
            self._since = now
            self._made.clear()
            self._passed_on.clear()
        if self._made[asking.host] >= MOST_OF_A_HOST:
            raise Refused("Your host asks for too many connections; try again later.")
        if self._passed_on[callee] >= MOST_TO_A_PEER:
            raise Refused("That peer is asked for by too many; try again later.")
        self._made[asking.host] += 1
        self._passed_on[callee] += 1
        return callee
