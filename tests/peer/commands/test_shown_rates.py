"""The rates and times that a person is shown, of downloads that go on and of hashing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.peer.commands.console import CHUNK, Consoles
from tests.peer.holdings import content

LIMIT = 500 << 10
"""Bytes a second that the fetching peer takes."""

CHUNKS = 300


@pytest.fixture
def half(consoles: Consoles) -> Consoles:
    """A download that was left at 40 %, by a peer that takes no more than `LIMIT`."""
    consoles.network.hosts["source"].uplink.rate = 1e8
    path = consoles.network.hosts["source"].directory / "big"
    path.write_bytes(content(CHUNKS * CHUNK))
    consoles.run(consoles.source, f"publish {path}")
    running = begin(consoles)
    running.addErrback(lambda failure: None)
    consoles.network.run(60, lambda: held(consoles) >= 0.4 * CHUNKS)
    consoles.run(consoles.fetcher, "cancel big")
    consoles.network.run(1)
    consoles.run(consoles.fetcher, "limit download 500K")
    return consoles


def begin(consoles: Consoles) -> Any:
    return consoles.begin(
        consoles.fetcher, f"download big {consoles.network.hosts['fetcher'].directory}/copy"
    )


def held(consoles: Consoles) -> int:
    holding = consoles.fetcher.peer.library.get("big")
    return len(holding.chunks) if holding else 0


def test_a_download_that_goes_on_is_as_fast_as_what_comes(half: Consoles) -> None:
    """Neither what was there before nor the first burst counts, in reports and in ``status``."""
    network = half.network
    before = held(half) * CHUNK
    running = begin(half)
    reports = half.reports
    network.run(1.0)
    assert reports[-1].done >= before
    assert [report.rate for report in reports] == [None] * len(reports)
    network.run(4.0)
    [download] = half.run(half.fetcher, "status").data["downloads"]
    assert download["rate"] == pytest.approx(LIMIT, rel=0.15)
    missing = CHUNKS * CHUNK - download["done"]
    assert download["seconds_left"] == pytest.approx(missing / LIMIT, rel=0.2)
    network.result_of(running, 120)
    known = [report for report in reports if report.rate is not None]
    assert len(known) > 50
    for report in known:  # half a second's worth comes at a time
        assert report.rate == pytest.approx(LIMIT, rel=0.3)
        left = (report.total - report.done) / LIMIT
        assert report.seconds_left == pytest.approx(left, rel=0.3, abs=1)


def test_what_a_download_that_goes_on_came_to_is_of_what_came(half: Consoles) -> None:
    """The rate in its last line is that of the rest."""
    rest = CHUNKS * CHUNK - held(half) * CHUNK
    answer = half.network.result_of(begin(half), 120)
    assert sum(answer.data["sources"].values()) == rest
    assert " of it fetched in " in answer.lines[0]
    assert rest / answer.data["seconds"] == pytest.approx(LIMIT, rel=0.1)


def test_a_tree_is_as_fast_as_all_its_files(consoles: Consoles) -> None:
    """One after the other, whatever is done already."""
    folder = consoles.network.hosts["source"].directory / "tree"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number:02}").write_bytes(content(30_000))
    consoles.run(consoles.source, f"publish {folder}")
    running = consoles.begin(
        consoles.fetcher, f"download tree/ {consoles.network.hosts['fetcher'].directory}/copies"
    )
    reports = consoles.reports
    consoles.network.run(8)
    assert reports[-1].rate == pytest.approx(100_000, rel=0.15)
    left = (reports[-1].total - reports[-1].done) / 100_000
    assert reports[-1].seconds_left == pytest.approx(left, rel=0.2, abs=1)
    consoles.network.result_of(running, 60)
