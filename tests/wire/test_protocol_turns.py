"""How much of one connection's input is handled before others have their turn."""

from __future__ import annotations

from twisted.internet.task import Clock

from p2pfs.wire.framing import RECEIVE_SIZE
from p2pfs.wire.handling import LINES_PER_TURN
from tests.wire.test_protocol import LIST, connection, named, raw

MANY = 10 * LINES_PER_TURN


def turn(clock: Clock) -> None:
    """One turn of the reactor: what is due now, but not what that puts off to the next."""
    for call in [call for call in clock.getDelayedCalls() if call.getTime() <= clock.seconds()]:
        clock.calls.remove(call)
        call.called = 1
        call.func(*call.args, **call.kw)


def test_a_flood_of_tiny_lines_does_not_starve_another_connection() -> None:
    """Each turn handles a bounded number of lines, however many lie there already."""
    flooder, flood, clock = connection()
    flood.deliver(b"{}\n" * (RECEIVE_SIZE // 3))
    other, quiet, _ = connection()
    answered = len(flood.heard())
    assert answered == LINES_PER_TURN
    for number in range(1, 6):
        turn(clock)
        quiet.deliver(named("a"))
        assert len(other.received) == number
        assert len(flood.heard()) == LINES_PER_TURN
    flood.hang_up()
    assert not clock.getDelayedCalls()
    assert flooder.closed


def test_what_comes_in_between_turns_waits_behind_the_rest() -> None:
    """Lines are handled in the order in which they came, and none twice."""
    protocol, transport, clock = connection()
    names = [str(number) for number in range(MANY)]
    transport.deliver(b"".join(map(named, names[:-7])))
    for name in names[-7:]:
        transport.deliver(named(name))
        turn(clock)
    clock.advance(0)
    assert protocol.received == names


def test_reading_stops_while_much_waits_for_its_turn() -> None:
    """A side that sends faster than it is served does not fill the memory; nothing is lost."""
    protocol, transport, clock = connection()
    line = named("x" * 50)
    count = 3 * RECEIVE_SIZE // len(line)
    transport.deliver(line * MANY)
    for _ in range(count):
        transport.deliver(line)
    assert transport.producerState == "paused"
    assert transport.held_back > RECEIVE_SIZE
    clock.advance(0)
    assert len(protocol.received) == MANY + count
    assert transport.producerState == "producing"
    assert not clock.getDelayedCalls()


def test_a_hold_between_turns_stops_the_next_one() -> None:
    """Input held while lines wait for their turn stays held, and goes on at the release."""
    protocol, transport, clock = connection()
    transport.deliver(named("a") * MANY)
    protocol.hold_input()
    clock.advance(0)
    assert len(protocol.received) == LINES_PER_TURN
    protocol.release_input()
    clock.advance(0)
    assert len(protocol.received) == MANY
    assert not clock.getDelayedCalls()


def test_a_release_between_turns_does_not_overtake() -> None:
    """Holding and releasing from elsewhere is no way to have more than one's turn, or read on."""
    protocol, transport, clock = connection()
    line = named("a" * 50)
    count = 2 * RECEIVE_SIZE // len(line)
    transport.deliver(line * count)
    transport.deliver(line)
    assert transport.producerState == "paused"
    protocol.hold_input()
    protocol.release_input()
    assert len(protocol.received) == LINES_PER_TURN
    assert transport.producerState == "paused"
    clock.advance(0)
    assert len(protocol.received) == count + 1
    assert transport.producerState == "producing"


def test_a_line_that_waits_for_its_turn_is_not_late() -> None:
    """The time of an unfinished line begins when the lines before it are done."""
    protocol, transport, clock = connection()
    transport.deliver(named("a") * MANY + LIST[:5])
    clock.rightNow += 100.0  # a reactor that is busy elsewhere
    turn(clock)
    assert not transport.disconnecting
    clock.advance(0)
    assert len(protocol.received) == MANY
    clock.advance(6.9)
    assert not transport.disconnecting
    clock.advance(0.1)
    assert transport.disconnecting
    clock.advance(0)


def test_a_connection_closed_between_turns_handles_no_more() -> None:
    """Closing takes effect at once, and leaves no timer behind."""
    for end in ("close", "abort"):
        protocol, transport, clock = connection()
        transport.deliver(named("a") * MANY)
        getattr(protocol, end)()
        clock.advance(0)
        assert len(protocol.received) == LINES_PER_TURN
        assert transport.lost
        assert not clock.getDelayedCalls()


def test_a_connection_handed_over_between_turns_reads_on() -> None:
    """What came and had to wait goes to the next protocol, and reading that was stopped goes on."""
    protocol, transport, clock = connection()
    heir = connection()[0]
    protocol.on_message = lambda: protocol.received[-1:] == ["last"] and protocol.hand_over(heir)
    rest = named("b") * (LINES_PER_TURN // 2)
    transport.deliver(named("a" * 60) * (RECEIVE_SIZE // 60) + named("last") + rest)
    transport.deliver(named("c"))
    assert transport.producerState == "paused"
    assert transport.held_back
    clock.advance(0)
    assert heir.received == ["b"] * (LINES_PER_TURN // 2) + ["c"]
    assert transport.producerState == "producing"
    transport.hang_up()
    assert (protocol.ends, heir.ends) == (1, 1)
    assert not clock.getDelayedCalls()


def test_payloads_between_lines_keep_their_place_over_turns() -> None:
    """A raw payload behind the last line of a turn is not taken for a line."""
    protocol, transport, clock = connection()
    transport.deliver((named("a") + raw(b"b\n")) * MANY)
    clock.advance(0)
    assert protocol.received == ["a", b"b\n"] * MANY
