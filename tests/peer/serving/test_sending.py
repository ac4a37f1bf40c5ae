"""Which chunks that were asked for are sent now."""

from __future__ import annotations

from twisted.internet.task import Clock

from p2pfs.peer.serving.sending import AT_ONCE, SECONDS, WITH_OTHERS, Sending


class Scene:
    """Connections that want to send; the host of each is its name's first letter."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.sending: Sending[str] = Sending(self.clock)
        self.begun: list[str] = []

    def begin(self, *connections: str) -> None:
        """Each of these is asked for a chunk."""
        for connection in connections:
            turn = self.sending.begin(connection, connection[0])
            turn.addCallback(lambda _, connection=connection: self.begun.append(connection))

    def end(self, *connections: str) -> None:
        """Each of these is done, or gone."""
        for connection in connections:
            self.sending.end(connection, connection[0])


MANY = [f"a{number}" for number in range(AT_ONCE + 2)]


def test_a_host_that_is_alone_has_many_at_a_time() -> None:
    """In the order in which they were asked for."""
    scene = Scene()
    scene.begin(*MANY)
    assert scene.begun == MANY[:AT_ONCE]
    scene.end("a3")
    assert scene.begun == MANY[: AT_ONCE + 1]
    scene.end(*MANY)
    assert not scene.clock.getDelayedCalls()


def test_hosts_share_the_line_whatever_their_connections() -> None:
    """A host with one connection waits for nobody, and one with many has as much as that."""
    scene = Scene()
    scene.begin("b", "a1", "a2", "a3")
    assert scene.begun == ["b", "a1"], f"{WITH_OTHERS} each"
    scene.end("b")
    scene.begin("b")
    scene.end("a1")
    assert scene.begun == ["b", "a1", "b", "a2"]
    scene.end("b", "a2", "a3")
    assert not scene.clock.getDelayedCalls()


def test_when_the_others_have_gone_a_host_has_all_of_it() -> None:
    """But not in a pause between two of their chunks."""
    scene = Scene()
    scene.begin("b", *MANY)
    scene.end("b")
    scene.end("a0")
    assert scene.begun == ["b", "a0", "a1"]
    scene.clock.advance(SECONDS)
    assert scene.begun == ["b", *MANY]
    scene.end(*MANY)
    assert not scene.clock.getDelayedCalls()


def test_one_that_reads_slowly_holds_up_its_host_for_a_while() -> None:
    """Others of its network address are not to wait for it for ever."""
    scene = Scene()
    scene.begin("b", "a1", "a2", "a3")
    for _ in range(3):
        scene.clock.advance(SECONDS / 2)
        scene.end("b")
        scene.begin("b")
    assert [name for name in scene.begun if name != "b"] == ["a1", "a2"]
    scene.end("b", "a1", "a2", "a3")
    assert not scene.clock.getDelayedCalls()


def test_a_connection_that_is_gone_waits_no_more() -> None:
    """Its turn comes at once, so that whoever waits for it can see that; others are not held up."""
    scene = Scene()
    scene.begin("b", "a1", "a2", "a3")
    scene.end("a2")
    assert scene.begun == ["b", "a1", "a2"]
    scene.end("a1")
    assert scene.begun == ["b", "a1", "a2", "a3"]
    scene.end("a3", "b", "nobody")
    assert not scene.clock.getDelayedCalls()
