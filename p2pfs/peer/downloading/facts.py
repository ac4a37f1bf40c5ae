"""From the state of a download to the facts that its explanation is made of."""

from __future__ import annotations

from p2pfs.peer.downloading.explanation import AskedFacts, SourceFacts, TroubleFacts
from p2pfs.peer.downloading.in_flight import InFlight
from p2pfs.peer.policy import PickerSource
from p2pfs.peer.sources import Source


def source_facts(source: Source, view: PickerSource | None, now: float) -> SourceFacts:
    """How it stands with a source; ``view`` is what the picker knows of it."""
    left = source.denied_until - now
    if source.banned:
        state = "banned"
    elif source.connected:
        state = "connected"
    elif source.connecting:
        state = "connecting"
    elif now < source.rests_until:
        state, left = "resting", source.rests_until - now
    else:
        state = "idle"
    connection = source.connection
    return SourceFacts(
        str(source.address),
        source.chunks,
        state,
        source.denied,
        max(0.0, left),
        source.last_error,
        now - source.last_error_at,
        view.in_flight if view else 0,
        view.window if view else 0,
        connection.rate() if connection is not None else None,
        view is not None and view.chooses,
    )


def asked_facts(in_flight: InFlight, now: float) -> dict[int, AskedFacts]:
    """Of whom each chunk in flight is asked."""
    return {
        chunknum: AskedFacts(str(asked.source.address), now - asked.at, asked.arrived)
        for chunknum, asked in in_flight.chunks.items()
    }


def trouble_facts(in_flight: InFlight, now: float) -> dict[int, TroubleFacts]:
    """How each missing chunk last failed, if it did."""
    return {
        chunknum: TroubleFacts(trouble.error, now - trouble.at, trouble.attempts)
        for chunknum, trouble in in_flight.troubles.items()
    }
