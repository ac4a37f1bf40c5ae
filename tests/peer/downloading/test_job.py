"""A download a user asked for: what it says of itself, and of what is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from p2pfs.chunks import ChunkSet
from p2pfs.errors import Cancelled
from p2pfs.peer.downloading import Job
from p2pfs.peer.library import Holding
from p2pfs.testing import download
from tests.peer.downloading.pairs import (
    Peers,
    begun,
)
from tests.peer.holdings import described
from tests.simulation.parts import outcome_of


def test_what_is_said_to_be_kept_is(peers: Peers) -> None:
    """The path in the sentence is that of the part file; without one there is none."""
    job, fetched, path = begun(peers)
    job.cancel()
    outcome = outcome_of(peers.network, fetched, 10)
    assert f"what came is kept in {path}, download it again" in str(outcome)
    assert path.exists()
    peers.network.result_of(Deferred.fromCoroutine(peers.peer.peer.publisher.unpublish("f")), 10)
    assert not path.exists()
    job, fetched = download(peers.peer, "f", peers.target)
    job.cancel()
    outcome = outcome_of(peers.network, fetched, 10)
    assert "was cancelled; nothing is kept of it." in str(outcome)


def test_it_says_how_far_it_is() -> None:
    """In bytes that are there and verified; the last chunk may be a short one."""
    info, hashes = described(bytes(95), 20)
    job = Job("f", Path("/x/f"), False, 0.0)
    assert (job.total, job.done, job.is_whole) == (0, 0, False)
    job.holding = Holding(
        "f", info, hashes, ChunkSet.of(5, [0, 4]), Path("/x/p"), target=Path("/x/f")
    )
    assert (job.total, job.done, job.is_whole) == (95, 35, False)
    job.holding = Holding("f", info, hashes, ChunkSet.full(5), Path("/x/p"), target=Path("/x/f"))
    assert (job.done, job.is_whole) == (95, True)


def test_a_job_that_is_cancelled_before_it_fetches_ends_at_its_next_step() -> None:
    """What is kept of it is nothing, as there is nothing yet, or as nobody would go on with it."""
    job = Job("f", Path("/x/f"), False, 0.0)
    job.check()
    job.cancel()
    with pytest.raises(Cancelled, match="nothing is kept of it"):
        job.check()
    info, hashes = described(bytes(95), 20)
    job.holding = Holding("f", info, hashes, ChunkSet.of(5, [0]), Path("/x/p"), target=job.target)
    with pytest.raises(Cancelled, match="what came is kept in /x/p, download it again to go on"):
        job.check()
    job.is_copy = True
    with pytest.raises(Cancelled, match="nothing is kept of it"):
        job.check()
