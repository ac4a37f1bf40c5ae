"""Chunks in flight at those that hold them up, taken back for others that could have them."""

from __future__ import annotations

from p2pfs.peer.downloading.in_flight import InFlight
from p2pfs.peer.downloading.source_set import SourceSet
from p2pfs.peer.policy import Burden, Picker, straggler
from p2pfs.peer.sources import Source


class StandIns:
    """Lets go of sources of one download, so that what is in flight there is asked of others.

    What comes late goes nowhere: their connections are given up.
    """

    def __init__(
        self, picker: Picker[Source], in_flight: InFlight, source_set: SourceSet, silence: float
    ) -> None:
        """A source that was silent for ``silence`` seconds stands in for nobody."""
        self._picker = picker
        self._in_flight = in_flight
        self._source_set = source_set
        self._silence = silence

    def end_trials(self, now: float) -> None:
        """Take back what sources on trial do not send, as soon as others have nothing to do."""
        taken, trials, connected = 0, self._source_set.trials, self._source_set.connected
        for chunknum, asked in list(self._in_flight.chunks.items()):
            source, waits = asked.source, asked.connection is asked.source.connection
            if not waits or asked.arrived or not trials.in_vain(source, now):
                continue
            able = trials.stand_ins(source, connected, now)
            if self._picker.stand_ins(chunknum, able) > taken:
                taken += 1
                self._source_set.connector.dismiss(source, now)

    def for_stragglers(self, now: float) -> None:
        """Take chunks from a source that holds up the end, if others would soon have them."""
        burdens = dict(self._in_flight.burdens(now))
        overdue = {burden.source for burden in burdens if burden.busy > self._silence}
        helpers = self._source_set.helpers() - overdue

        def elsewhere(burden: Burden[Source]) -> float | None:
            return self._picker.seconds_elsewhere(burden.chunknums, helpers, self._silence)

        slow = straggler(burdens, elsewhere)
        if slow is not None:
            burdens[slow].give_up(f"it was much slower than others after {slow.busy:.0f} s")
