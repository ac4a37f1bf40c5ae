"""What a connection and the thread that reads for it tell each other."""

from __future__ import annotations

from p2pfs.peer.payloads import Aside, Loan, Payload
from tests.peer.payloads.requests import request


def test_what_is_due_comes_in_order_and_more_is_added_behind() -> None:
    """A reply is for the request that waits longest."""
    first, second, third = (request(number, 10) for number in range(3))
    loan = Loan(Payload(request(9, 10), 10, None, 0.0), [], [first])
    loan.expect(second)
    assert loan.next_due() is first
    assert loan.next_due() is first
    loan.begun()
    loan.expect(third)
    assert loan.next_due() is second
    loan.begun()
    loan.begun()
    assert loan.next_due() is None


def test_reports_are_handed_out_once_and_in_order() -> None:
    """Also those that come while others are looked at."""
    loan = Loan(Payload(request(9, 10), 10, None, 0.0), [], [])
    loan.report(Aside(b"a"))
    loan.report(Aside(b"b"))
    assert loan.reports() == [Aside(b"a"), Aside(b"b")]
    loan.report(Aside(b"c"))
    assert loan.reports() == [Aside(b"c")]
    assert loan.reports() == []


def test_a_payload_counts_down() -> None:
    """It stays what it is, with less left."""
    payload = Payload(request(1, 10), 10, b"x" * 32, 7.0)
    payload.came(4)
    assert payload.left == 6
    payload.came(6)
    assert payload == Payload(payload.request, 0, b"x" * 32, 7.0)
