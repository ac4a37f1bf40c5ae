"""The options of ``twistd p2pfs-peer``, and what is made of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pfs.hashing import Hash
from p2pfs.peer import plugin
from p2pfs.peer.plugin import Options
from p2pfs.peer.service import PeerService
from p2pfs.peer.settings import DEFAULT_LISTEN, DEFAULT_TRACKER
from p2pfs.reactor import Reactor
from p2pfs.testing import Network


@pytest.fixture
def built(network: Network, monkeypatch: pytest.MonkeyPatch) -> object:
    """Makes a peer of options, and leaves it as it is: neither opened nor started."""
    reactor = network.add_host("peer").reactor

    def build_only(options: Options, build: object) -> PeerService:
        assert options.name == "p2pfs-peer"
        return build(reactor)  # type: ignore[operator, no-any-return]

    monkeypatch.setattr(plugin, "run_under_twistd", build_only)
    return reactor


def peer(*arguments: str) -> PeerService:
    """The peer that these make."""
    options = Options(Path("/nonexistent"))
    options.parseOptions(arguments)
    service = plugin.makeService(options)
    assert isinstance(service, PeerService)
    return service


def test_without_options_it_is_a_peer_of_this_machine(
    built: Reactor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its state is below the user's own directory, and nothing is limited."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    settings = peer().settings
    assert settings.state == tmp_path / "p2pfs" / "peer"
    assert (settings.tracker, settings.listen) == (DEFAULT_TRACKER, DEFAULT_LISTEN)
    assert (settings.upload_rate, settings.download_rate) == (None, None)
    assert settings.share == []
    assert settings.downloads == 8
    assert settings.hash is Hash.BLAKE3


def test_every_option_reaches_the_peer(
    built: Reactor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Paths become absolute where twistd was started: it goes elsewhere in the background."""
    monkeypatch.chdir(tmp_path)
    service = peer(
        *("--state", "s", "--tracker", "tcp:t:1", "--listen", "tcp:2"),
        *("--share", "a", "--share", "/b", "--ssh", "tcp:3", "--authorized-keys", "k"),
        *("--upload-rate", "500K", "--download-rate", "10M", "--downloads", "3"),
        *("--hash", "sha256"),
    )
    settings = service.settings
    assert settings.state == tmp_path / "s"
    assert (settings.tracker, settings.listen, settings.ssh) == ("tcp:t:1", "tcp:2", "tcp:3")
    assert settings.share == [tmp_path / "a", Path("/b")]
    assert settings.authorized_keys == tmp_path / "k"
    assert settings.hash is Hash.SHA256
    assert settings.downloads == service.peer.queue.book.at_once == 3
    assert service.peer.limits["upload"].rate == 500 * 1024
    assert service.peer.limits["download"].rate == 10 * 1024 * 1024


def test_no_limit_is_told_from_none_given(built: Reactor, tmp_path: Path) -> None:
    """Only then does what was set last, at run time, hold again."""
    settings = peer("--state", str(tmp_path), "--upload-rate", "none").settings
    assert settings.rates == {"upload": 0, "download": None}


def test_it_opens_no_more_than_the_system_allows(
    built: Reactor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What few descriptors there are is shared out among all that needs some."""
    monkeypatch.setattr(plugin, "free_descriptors", lambda: 100)
    descriptors = peer("--state", str(tmp_path)).settings.descriptors
    assert descriptors.connections + descriptors.sources + descriptors.downloads < 100


def test_nothing_but_options_is_understood() -> None:
    """One line and an exit status, no traceback."""
    with pytest.raises(
        SystemExit, match=r"'file' is not an option; see 'twistd p2pfs-peer --help'"
    ):
        Options(Path("/nonexistent")).parseOptions(["file"])


@pytest.mark.parametrize("text", ["md5", "SHA256", "", "x" * 5000])
def test_an_unknown_hash_is_answered_with_those_there_are(text: str) -> None:
    """In one short line."""
    with pytest.raises(SystemExit, match="--hash needs blake3 or sha256, and") as refused:
        Options(Path("/nonexistent")).parseOptions([f"--hash={text}"])
    assert len(str(refused.value)) < 100


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", "", "9" * 5000])
def test_downloads_at_a_time_are_a_number(text: str) -> None:
    """With a line on what is wrong."""
    with pytest.raises(SystemExit, match="--downloads needs a number from 1 to 1000"):
        Options(Path("/nonexistent")).parseOptions([f"--downloads={text}"])
