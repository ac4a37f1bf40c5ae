"""A download is in the log when it begins and when it ends, and not more often."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from twisted.logger import LogLevel

from p2pfs.errors import Cancelled, DownloadFailed
from p2pfs.peer.downloading.download_log import download_begun, download_ended, download_failed
from p2pfs.peer.downloading.job import Fetched, Job
from p2pfs.testing import download
from tests.log import log_lines
from tests.peer.downloading.pairs import Peers, begun
from tests.simulation.parts import outcome_of

JOB = Job("f", Path("/to/f"), False, 0.0)
FETCHED = Fetched("f", JOB.target, 3 << 20, 2.0, {"a:1": 1 << 20, "b:1": 1 << 20})
OF_DOWNLOADS = "p2pfs.peer.downloading.download_log"


def test_a_download_from_its_beginning_to_its_end(peers: Peers) -> None:
    """Two lines, with name, place, bytes, seconds, rate and number of sources."""
    with log_lines(of=OF_DOWNLOADS) as lines:
        _, fetched, _ = begun(peers)
        peers.network.result_of(fetched, 60)
    size = r"[\d.]+ [KM]iB"
    assert re.fullmatch(
        f"Download of 'f' to {peers.target} begun: {size}, 0 B of it there.", lines[0]
    )
    assert re.fullmatch(
        rf"Downloaded 'f' to {peers.target}: {size} in \d+\.\d s, {size} of it "
        rf"\({size}/s\), sources: 1\.",
        lines[1],
    )
    assert len(lines) == 2


def test_a_cancelled_one(peers: Peers) -> None:
    """It is no reason to worry; what came of it is told."""
    with log_lines(of=OF_DOWNLOADS) as lines, log_lines(LogLevel.warn) as warnings:
        job, fetched, _ = begun(peers)
        job.cancel()
        assert isinstance(outcome_of(peers.network, fetched), Cancelled)
    assert "The download of 'f' was cancelled after " in lines[-1]
    assert " 0 B of" not in lines[-1]
    assert not warnings


def test_one_that_fails_is_a_warning_as_long_as_it_is_news(peers: Peers) -> None:
    """Who tries again and again fills no log; another reason is told."""
    with log_lines(LogLevel.warn, OF_DOWNLOADS) as lines:
        for _ in range(5):
            outcome_of(peers.network, download(peers.peer, "nothing", peers.target)[1])
        peers.target.write_bytes(b"in the way")
        outcome_of(peers.network, download(peers.peer, "f", peers.target)[1])
    assert [line.partition(": ")[0].partition(", with ")[0] for line in lines] == [
        "The download of 'nothing' failed after 0.0 s",
        "The download of 'f' failed after 0.0 s",
    ]
    assert " after 0.0 s: Nobody offers 'nothing'" in lines[0]


@pytest.mark.parametrize("in_tree", [False, True])
def test_of_a_trees_files_each_is_told_at_debug_only(in_tree: bool) -> None:
    """There may be very many of them."""
    job = replace(JOB, in_tree=in_tree)
    with log_lines() as lines:
        download_begun(job)
        download_ended(job, FETCHED)
        download_failed(job, DownloadFailed("No."), 1.0, "")
    assert len(lines) == (0 if in_tree else 3)


def test_one_whose_file_was_there_is_one_line(peers: Peers) -> None:
    """Nothing came, so there is no rate to tell."""
    peers.network.result_of(download(peers.peer, "f", peers.target)[1], 60)
    with log_lines(of=OF_DOWNLOADS) as lines:
        peers.network.result_of(download(peers.peer, "f", peers.target)[1], 60)
    assert lines == [f"'f' is at {peers.target} already, and right: 488.3 KiB."]
