"""What a person reads of a peer's ``status``."""

from __future__ import annotations

from typing import Any

from p2pfs.peer.commands.status_text import MOST_SHARES, MOST_UPLOADS, status_lines

MIB = 1 << 20


def data(**given: Any) -> dict[str, Any]:
    """The status of a peer that does nothing, but for what is given."""
    return {
        "tracker": "tcp:192.0.2.10:6880",
        "joined_as": "192.0.2.11:6881",
        "problem": "",
        "listening": "127.0.0.1:6881",
        "swarm": None,
        "fingerprint": "ab",
        "warning": "",
        "limits": {"upload": None, "download": None},
        "uploaded": 0,
        "upload_rate": None,
        "downloads": [],
        "orders": [],
        "uploads": [],
        "shares": [],
        **given,
    }


def share(number: int, **given: Any) -> dict[str, Any]:
    """One of many."""
    plain = {"state": "listed", "remark": "", "times_least": None, "crowd": None}
    name = f"s{number:04}"
    sizes = {"size": MIB, "chunks": 1, "held": 1, "path": f"/srv/{name}"}
    return {"name": name, **sizes, **plain, **given}


def test_a_peer_that_does_nothing() -> None:
    """Says so, section by section."""
    assert status_lines(data()) == [
        "tracker    tcp:192.0.2.10:6880, joined as 192.0.2.11:6881",
        "listening  127.0.0.1:6881",
        "key        ab",
        "uploaded   0 B",
        "limits     upload none, download none",
        "",
        "No download is under way.",
        "",
        "No upload is under way.",
        "",
        "Nothing is shared.",
    ]


def test_many_uploads_are_told_in_sum() -> None:
    """The fastest one by one."""
    uploads = [
        {"peer": f"192.0.2.{n}:1", "name": "f", "rate": (100 - n) * MIB, "sent": n * MIB}
        for n in range(33)
    ]
    lines = status_lines(
        data(
            uploads=uploads,
            uploaded=900 * MIB,
            upload_rate=10 * MIB,
            limits={"upload": 10 * MIB, "download": None},
        )
    )
    assert "uploaded   900.0 MiB, now 10.0 MiB/s" in lines
    assert "limits     upload 10.0 MiB/s, download none" in lines
    first = lines.index("upload  to            rate         sent")
    assert lines[first + 1] == "f       192.0.2.0:1   100.0 MiB/s  0 B"
    assert lines[first + MOST_UPLOADS + 1] == "and 13 more, at 962.0 MiB/s together"


def test_five_thousand_shares_are_not_as_many_lines() -> None:
    """First come those of which there is something to say; for the others there are numbers."""
    shares = [share(number) for number in range(5000)]
    shares[4000] = share(4000, state="withheld", remark="withheld for 7.0 s: The file is away.")
    shares[4500] = share(4500, state="refused", remark="not listed: Another content has that name.")
    shares[4600] = share(4600, state="unfinished", remark="unfinished", held=0)
    shares[0] = share(0, state="unlisted", remark="not listed yet: no tracker knows this peer.")
    lines = status_lines(data(shares=shares))
    assert lines[-1] == "and 4,980 more; 'status --json' has them all"
    begin = lines.index("5,000 shares, 4.9 GiB:")
    assert len(lines) == begin + MOST_SHARES + 3
    assert lines[begin + 2 : begin + 6] == [
        "s4000  1.0 MiB  1/1     /srv/s4000 (withheld for 7.0 s: The file is away.)",
        "s4500  1.0 MiB  1/1     /srv/s4500 (not listed: Another content has that name.)",
        "s4600  1.0 MiB  0/1     /srv/s4600 (unfinished)",
        "s0000  1.0 MiB  1/1     /srv/s0000 (not listed yet: no tracker knows this peer.)",
    ]


def test_what_is_not_known_of_a_download_is_not_said() -> None:
    """Neither its rate nor its end, nor how much of what is possible that is."""
    download = {"name": "f", "percent": 40, "rate": None, "seconds_left": None}
    download |= {"remark": "downloading, 2 sources", "possible_rate": MIB, "crowd": 3}
    lines = status_lines(data(downloads=[download]))
    assert "f         40 %  -     -     downloading, 2 sources" in lines
    known = {**download, "rate": MIB // 2, "seconds_left": 250}
    [line] = [line for line in status_lines(data(downloads=[known])) if line.startswith("f ")]
    assert line == (
        "f         40 %  512.0 KiB/s  0:04:10  downloading, 2 sources, "
        "at 50 % of the possible rate (3 peers fetch it at once)"
    )
