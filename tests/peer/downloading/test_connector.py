"""Connections of a download: what becomes of a source with which they end."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

from p2pfs.errors import SourceFailed
from p2pfs.peer.sources import WrongChunk
from tests.peer.download_scene import Scene, Scenes, address

ONLY = address(1)


def begin(scene: Scenes, **patience: float) -> Scene:
    """A download with one source, which is connected."""
    one = scene(**patience)
    one.reachable = {ONLY}
    one.start(ONLY)
    return one


def state(one: Scene) -> tuple[str, str]:
    """How it stands with the source, and its last error."""
    [source] = one.download.explain().sources
    return source.state, source.error


def test_who_closes_the_connection_rests_and_is_tried_again(scene: Scenes) -> None:
    """The tracker is asked soon, as it may know others."""
    one = begin(scene, refresh=30.0)
    one.run(2.0)
    asked = len(one.asked)
    one.sources[ONLY].hang_up()
    one.clock.advance(0)
    assert state(one) == ("rests 1.0 s more", f"{ONLY}: it closed the connection")
    one.run(1.4)
    assert len(one.asked) > asked
    assert state(one)[0] == "connected"


def test_who_cannot_be_reached_rests(scene: Scenes) -> None:
    """It gave no sign of life."""
    one = scene()
    one.start(ONLY)
    assert state(one) == ("rests 1.0 s more", f"{ONLY}: cannot be reached")


def test_who_was_dismissed_is_let_go_and_has_not_failed(scene: Scenes) -> None:
    """What was asked of it is asked of others."""
    one = begin(scene)
    source = one.source(ONLY)
    one.download._source_set.connector.dismiss(source, one.clock.seconds())
    assert one.sources[ONLY].aborted
    assert state(one) == ("rests 1.0 s more", f"{ONLY}: it made room for others")
    one.run(0.2)
    assert source.failures == 0
    assert not one.download._in_flight.chunks


def test_a_failure_has_its_consequence_for_the_source(scene: Scenes) -> None:
    """None when it was this download that ended the request; what is nobody's fault goes on."""
    one = begin(scene)
    source, blame = one.source(ONLY), one.download._source_set.connector.blame
    connection = source.connection
    assert connection is not None
    blame(Failure(CancelledError()), source, connection)
    assert source.connected
    with pytest.raises(ZeroDivisionError):
        blame(Failure(ZeroDivisionError()), source, connection)
    blame(Failure(SourceFailed("it broke")), source, connection)
    assert (source.failures, source.last_error, source.banned) == (1, "it broke", False)
    blame(Failure(SourceFailed("late")), source, connection)
    assert source.failures == 1, "that connection was given up already"
    blame(Failure(WrongChunk("wrong")), source, connection)
    assert source.banned


def test_nothing_is_taken_notice_of_after_the_end(scene: Scenes) -> None:
    """Connections are the pool's: others go on with them."""
    one = begin(scene)
    source = one.source(ONLY)
    connection = source.connection
    assert connection is not None
    one.download.cancel()
    late = Failure(SourceFailed("late"))
    one.download._source_set.connector.blame(late, source, connection)
    one.sources[ONLY].hang_up()
    one.clock.advance(0)
    assert (source.failures, source.last_error) == (0, "")
