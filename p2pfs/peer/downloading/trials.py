"""What speaks for the sources of one download, and how their trials go."""

from __future__ import annotations

from collections.abc import Iterable

from p2pfs.peer.downloading.context import DownloadContext
from p2pfs.peer.policy import Claim, Picker, Rank, Standing, patience
from p2pfs.peer.sources import Source


class Trials:
    """Judges sources by this peer's experience, and by what they bring. Times are in seconds."""

    def __init__(self, context: DownloadContext, picker: Picker[Source]) -> None:
        """``picker`` knows their paths."""
        self._experience = context.experience
        self._longest = context.patience.silence
        self._picker = picker

    def rank(self, source: Source) -> Rank:
        """The less, the sooner it is to be asked."""
        return self.claim(source).rank

    def is_proven(self, source: Source) -> bool:
        """Whether a source has delivered, and failed little since."""
        return self._experience.is_proven(source.address)

    def in_vain(self, source: Source, now: float) -> bool:
        """Whether a source has brought nothing in all its trial.

        One that has delivered is on trial only with what was asked of it.
        """
        experience = self._experience
        if experience.is_proven(source.address) and not source.trial.due:
            return False
        view, connection = self._picker.view(source), source.connection
        round_trip = view.round_trip if view is not None and view.ready else None
        doublings = experience.setbacks(source.address) + experience.credit(source.address)
        most = patience(round_trip, doublings, self._longest)
        if source.connecting:
            return now - source.attempt_at >= most
        if connection is None or connection.input_held:
            return False
        return source.trial.brings_nothing(now, connection.brought, most)

    def stand_ins(self, source: Source, others: Iterable[Source], now: float) -> set[Source]:
        """Which of the others could have what is in flight to a source on trial in vain.

        Those that are asked before it would be asked again.
        """
        worst = self.claim(source).rank_after
        return {
            other
            for other in others
            if not other.failures and self.rank(other) < worst and not self.in_vain(other, now)
        }

    def standing(self, source: Source, now: float) -> Standing:
        """What it may have of what was lost with others."""
        claim = self.claim(source, now)
        if claim.proven and not claim.in_vain:
            return Standing.PROVEN
        if claim.in_vain or claim.host_setbacks or claim.setbacks:
            return Standing.DOUBTFUL
        view = self._picker.view(source)
        return Standing.FRESH if view is not None and view.chooses else Standing.FRESH_TO_ASK

    def claim(self, source: Source, now: float | None = None) -> Claim:
        """What speaks for it; with ``now`` also what it does with the place it has."""
        experience, connection = self._experience, source.connection
        return Claim(
            source.address,
            source.host,
            experience.is_proven(source.address),
            experience.setbacks(source.address),
            experience.host_setbacks(source.host),
            connection is not None and source.trial.sends(connection.brought),
            now is not None and self.in_vain(source, now),
            source.vouched_for,
        )
