"""``twistd p2pfs-tracker``: from words to a service."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred

from p2pfs.tracker.plugin import Options, make_service
from p2pfs.tracker.service import TrackerService
from p2pfs.tracker.settings import DEFAULT_LISTEN


def options(*words: str) -> Options:
    """What those words say."""
    made = Options(Path("/nonexistent"))
    made.parseOptions(list(words))
    return made


@pytest.mark.parametrize(
    ("words", "listen"),
    [
        ([], [DEFAULT_LISTEN]),
        (["--listen", "tcp:1", "--listen=tcp:2"], ["tcp:1", "tcp:2"]),
        (["--listen", "none"], ["none"]),
    ],
)
def test_it_may_listen_at_several_endpoints(words: list[str], listen: list[str]) -> None:
    """One option each; those of one process do not get into the next."""
    assert options(*words)["listen"] == listen
    assert options()["listen"] == [DEFAULT_LISTEN]


@pytest.mark.parametrize("words", [["--nonsense"], ["extra"]])
def test_what_is_not_understood_ends_with_a_line(words: list[str]) -> None:
    """Which names the command whose help there is."""
    with pytest.raises(SystemExit, match=r"^p2pfs-tracker: .*see 'twistd p2pfs-tracker --help'"):
        options(*words)


@ensureDeferred
async def test_the_service_is_what_the_options_describe(tmp_path: Path) -> None:
    """And has bound its ports and claimed its directory before twistd goes on."""
    state = tmp_path / "state"
    words = ["--state", str(state), "--listen", "none", "--allow-announced-host"]
    service = make_service(options(*words))
    assert isinstance(service, TrackerService)
    assert service.settings.state == state
    assert service.settings.listen == ["none"]
    assert service.settings.allow_announced_host
    assert service.tracker.factory.allow_announced_host
    assert service.claim is not None
    with pytest.raises(SystemExit, match=r"^p2pfs-tracker: Another daemon"):
        make_service(options(*words))
    await service.stopService()


@ensureDeferred
async def test_by_default_it_listens_on_loopback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the directory that is the user's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    default = {"listen": ["tcp:0:interface=127.0.0.1"]}
    monkeypatch.setattr(Options, "unless_given", default)
    service = make_service(options())
    assert isinstance(service, TrackerService)
    assert service.settings.state == tmp_path / "p2pfs" / "tracker"
    assert [port.getHost().host for port in service.ports] == ["127.0.0.1"]
    assert DEFAULT_LISTEN.endswith(":interface=127.0.0.1")
    await service.stopService()
