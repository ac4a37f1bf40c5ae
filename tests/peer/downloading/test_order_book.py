"""The states of orders: whose turn it is, who waits, and what is remembered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from p2pfs.errors import DownloadFailed, NotFound
from p2pfs.peer.downloading.job import Fetched
from p2pfs.peer.downloading.order_book import (
    LONGEST_PAUSE,
    MOST_OF_A_GUEST,
    MOST_REMEMBERED,
    Entry,
    OrderBook,
    State,
)
from p2pfs.peer.library import Order


def order(name: str, wait_for: bool = False) -> Order:
    return Order(name, Path("/x") / name, wait_for=wait_for)


def asked(book: OrderBook, *names: str, now: float = 0.0) -> list[Entry]:
    """Orders that are on record."""
    entries = [book.add(order(name), now) for name in names]
    for entry in entries:
        book.recorded(entry, now)
    return entries


def fetched(name: str) -> Fetched:
    return Fetched(name, Path("/x") / name, 1, 1.0, {})


def test_only_so_many_run_and_others_in_the_order_of_asking() -> None:
    """Those in line say how many are before them; one that ends makes room for the next."""
    book = OrderBook(2)
    a, b, c, d = asked(book, "a", "b", "c", "d")
    assert [book.next(), book.next(), book.next()] == [a, b, None]
    assert [entry.state for entry in book] == [State.RUNNING] * 2 + [State.QUEUED] * 2
    assert [book.remark(entry, 0) for entry in (c, d)] == [
        "queued, 0 before it",
        "queued, 1 before it",
    ]
    book.end(b, fetched("b"), 1)
    assert [book.next(), book.next()] == [c, None]
    assert book.before(d) == 0


def test_nothing_runs_before_it_is_on_record() -> None:
    """A crash would forget it; others go ahead."""
    book = OrderBook(1)
    first = book.add(order("a"), 0)
    [second] = asked(book, "b")
    assert [book.next(), book.next()] == [second, None]
    book.recorded(first, 0)
    book.end(second, fetched("b"), 0)
    assert book.next() is first


def test_who_waits_keeps_nobody_from_going_ahead_and_its_place() -> None:
    """It is behind nobody who came later, once what it waits for is there."""
    book = OrderBook(1)
    waits = book.add(order("a", wait_for=True), 0)
    book.recorded(waits, 0)
    second, third = asked(book, "b", "c")
    assert waits.state is State.WAITING
    assert book.due(0) is waits
    book.put_off(waits, "nobody offers it", 0)
    assert book.next() is second
    book.put_back(waits)
    assert (book.before(waits), book.before(third)) == (0, 1)
    book.end(second, fetched("b"), 1)
    assert book.next() is waits


def test_pauses_grow_to_a_bound_and_begin_anew() -> None:
    """The tracker is asked soon at first, and not forever so often."""
    book = OrderBook(1)
    [entry] = asked(book, "a")
    now, pauses = 0.0, []
    for _ in range(8):
        book.put_off(entry, "nobody offers it", now)
        assert book.next_look == entry.look_at
        pauses.append(entry.look_at - now)
        assert book.due(entry.look_at - 0.01) is None
        now = entry.look_at
        assert book.due(now) is entry
    assert pauses == [2.0, 3.0, 4.5, 6.75, 10.125, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]
    book.put_back(entry)
    assert (book.next_look, book.due(now)) == (None, None)
    book.put_off(entry, "nobody offers it", 0)
    assert book.next_look == 2.0
    assert book.remark(entry, 0.5) == "nobody offers it, looked for again in 1.5 s"


def test_who_is_looked_at_is_who_is_due_for_longest() -> None:
    """So that all have their turn when there are many."""
    book = OrderBook(1)
    entries = asked(book, "a", "b", "c")
    for now, entry in zip((2, 0, 1), entries, strict=True):
        book.put_off(entry, "nobody offers it", now)
    assert book.due(10) is entries[1]
    book.put_off(entries[1], "nobody offers it", 10)
    assert book.due(10) is entries[2]


def test_what_is_cancelled_has_no_turn_any_more() -> None:
    """Although it has not ended yet; nor is it looked at."""
    book = OrderBook(2)
    first, second, third = asked(book, "a", "b", "c")
    book.put_off(second, "nobody offers it", 0)
    first.cancelled = second.cancelled = True
    assert (book.next_look, book.due(100)) == (None, None)
    assert [book.next(), book.next()] == [third, None]


def test_there_is_a_bound_on_orders() -> None:
    """What was on record is taken all the same; an end makes room."""
    book = OrderBook(1, most=2)
    asked(book, "a", "b")
    with pytest.raises(DownloadFailed, match="2 downloads are asked for, which is the most"):
        book.add(order("c"), 0)
    resumed = book.resume(order("d"), 0)
    assert resumed.recorded
    assert resumed.resumed
    for entry in list(book)[:2]:
        book.end(entry, NotFound("It is not there."), 0)
    book.add(order("c"), 0)


def test_one_guest_does_not_use_up_the_orders_of_all() -> None:
    """Others may ask for some still, be they guests or the daemon's own user."""
    book = OrderBook(1)
    first, *_ = [
        book.add(replace(order(f"{number}"), uid=1, is_guest=True), 0)
        for number in range(MOST_OF_A_GUEST)
    ]
    one_more = replace(order("more"), uid=1, is_guest=True)
    with pytest.raises(DownloadFailed, match="which is the most of one user"):
        book.add(one_more, 0)
    book.add(replace(order("a"), uid=2, is_guest=True), 0)
    book.add(replace(order("b"), uid=1), 0)
    book.end(first, fetched("0"), 0)
    book.add(one_more, 0)


def test_how_the_last_ones_ended_is_remembered() -> None:
    """By name, the latest of each; the oldest are forgotten."""
    book = OrderBook(1)
    for number in range(MOST_REMEMBERED + 1):
        [entry] = asked(book, f"{number}")
        book.end(entry, fetched(f"{number}"), number)
    [entry] = asked(book, "1")
    error = NotFound("It is not there.")
    book.end(entry, error, 99)
    assert book.get("1") is None
    assert book.ended("0") is None
    ended = book.ended("1")
    assert ended is not None
    assert (ended.at, ended.outcome, entry.outcome) == (99, error, error)
    [entry] = asked(book, "new")
    book.end(entry, fetched("new"), 100)
    assert book.ended("1") is ended
    assert book.ended("2") is None
