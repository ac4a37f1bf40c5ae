"""What ``status`` and ``why`` say of downloads that were asked for."""

from __future__ import annotations

from typing import Any

from p2pfs.console.rendering import size_text, table
from p2pfs.peer.downloading import Entry, State, seconds_text
from p2pfs.peer.peer import Peer


def orders_data(peer: Peer) -> list[dict[str, Any]]:
    """All orders that have not ended, in the order of asking."""
    now = peer.reactor.seconds()
    return [
        {
            "name": entry.order.name,
            "path": str(entry.order.target),
            "state": entry.state.value,
            "size": entry.total,
            "done": entry.done,
            "remark": peer.queue.book.remark(entry, now),
            "asked_by": entry.order.who,
            "seconds": round(now - entry.asked_at),
        }
        for entry in peer.queue.book
    ]


def order_lines(orders: list[dict[str, Any]]) -> list[str]:
    """Those that are no transfer themselves: whole directories, and who is in line or waits."""
    rows = [
        (order["name"], _how_far(order), order["path"], order["remark"])
        for order in orders
        if order["state"] != State.RUNNING.value or order["name"].endswith("/")
    ]
    lines = table(["download", "done", "path", ""], rows)
    return ["", *lines] if lines else []


def why_not_yet(peer: Peer, entry: Entry) -> list[str]:
    """Why an order does not fetch its file just now, or how far its directory is."""
    now, order = peer.reactor.seconds(), entry.order
    remark = peer.queue.book.remark(entry, now)
    asked = f"It was asked for {seconds_text(now - entry.asked_at)} ago by {order.who}."
    match entry.state:
        case State.QUEUED:
            most = peer.queue.book.at_once
            return [f"'{order.name}' is {remark}; {most} downloads run at a time.", asked]
        case State.WAITING:
            return [f"'{order.name}' waits: {remark}.", asked]
    if order.is_tree and entry.total:
        return [
            f"'{order.name}' is being downloaded: {size_text(entry.done)} of "
            f"{size_text(entry.total)} are there, {remark}.",
            asked,
        ]
    return [f"'{order.name}' begins: {remark}.", asked]


def _how_far(order: dict[str, Any]) -> str:
    return f"{100 * order['done'] // order['size']} %" if order["size"] else ""
