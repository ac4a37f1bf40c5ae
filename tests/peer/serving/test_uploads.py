"""What is being sent to whom, and how fast."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from p2pfs.addresses import Address
from p2pfs.peer.rates.rate_meter import SPAN
from p2pfs.peer.serving.uploads import MOST_OF_A_HOST, Upload, Uploads
from tests.peer.holdings import shared
from tests.peer.serving_pair import Serving, asking


@dataclass(frozen=True)
class Connection:
    """One to a downloader."""

    remote: Address | None

    @property
    def host(self) -> str:
        """Whose it is."""
        return self.remote.host if self.remote else "somewhere"


ONE = Connection(Address("192.0.2.1", 1001))
OTHER = Connection(Address("192.0.2.1", 1002))
FAR = Connection(Address("2001:db8::1", 1003))


def test_each_upload_is_told_apart() -> None:
    """By connection and file, the fastest first; together they are all that is sent."""
    uploads = Uploads()
    for second in range(4):
        uploads.count(ONE, "f", 100, second)
        uploads.count(FAR, "f", 300, second)
        uploads.count(ONE, "g", 200, second)
        uploads.count(OTHER, "f", 50, second)
    assert uploads.under_way(3.0) == [
        Upload("[2001:db8::1]:1003", "f", 300.0, 1200),
        Upload("192.0.2.1:1001", "g", 200.0, 800),
        Upload("192.0.2.1:1001", "f", 100.0, 400),
        Upload("192.0.2.1:1002", "f", 50.0, 200),
    ]
    assert uploads.total == 2600
    assert uploads.meter.rate(3.0) == 650


def test_what_has_come_to_a_stop_is_not_under_way() -> None:
    """But when it goes on, what was sent before still counts."""
    uploads = Uploads()
    uploads.count(ONE, "f", 100, 0.0)
    assert uploads.under_way(SPAN) == [Upload("192.0.2.1:1001", "f", 0.0, 100)]
    assert uploads.under_way(SPAN + 0.1) == []
    uploads.count(ONE, "f", 10, 100.0)
    [upload] = uploads.under_way(100.0)
    assert upload.sent == 110


def test_what_is_remembered_is_bounded_for_each_host() -> None:
    """One that fetches many files, over many connections, has the latest remembered."""
    uploads = Uploads()
    uploads.count(FAR, "f", 1, 0.0)
    for number in range(10 * MOST_OF_A_HOST):
        uploads.count(ONE if number % 2 else OTHER, f"f{number}", 1, 1.0)
        uploads.count(ONE, "often", 1, 1.0)
    told = [upload for upload in uploads.under_way(1.0) if upload.peer.startswith("192")]
    assert len(told) == MOST_OF_A_HOST
    assert "often" in {upload.name for upload in told}
    assert len(uploads.under_way(1.0)) == MOST_OF_A_HOST + 1


def test_of_a_connection_that_has_ended_nothing_is_left() -> None:
    """Others of its host go on."""
    uploads, nowhere = Uploads(), Connection(None)
    for connection in (ONE, OTHER, nowhere):
        uploads.count(connection, "f", 1, 0.0)
    uploads.forget(ONE)
    uploads.forget(ONE)
    assert {upload.peer for upload in uploads.under_way(0.0)} == {"192.0.2.1:1002", "somewhere"}
    uploads.forget(OTHER)
    uploads.forget(nowhere)
    assert not uploads._hosts
    assert uploads.total == 3


@pytest.mark.parametrize("encoding", ["raw", "base64"])
def test_a_chunk_counts_for_whom_it_is_sent_to(tmp_path: Path, encoding: str) -> None:
    """Under the address of its connection, until that ends."""
    serving = Serving()
    serving.library.add(shared(tmp_path / "f", bytes(100), 10))
    receiver = serving.connect()
    receiver.ask(**asking(1, encoding=encoding))
    [upload] = serving.factory.serving.uploads.under_way(serving.clock.seconds())
    assert upload == Upload("192.0.2.7:40000", "f", None, 10)
    serving.done(receiver)
    assert serving.factory.serving.uploads.under_way(serving.clock.seconds()) == []
