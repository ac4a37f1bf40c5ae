"""The options of both daemons: command line, configuration file, and what twistd is told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from twisted.scripts.twistd import ServerOptions  # type: ignore[attr-defined]  # it is there

from p2pfs import __version__
from p2pfs.daemon import DaemonOptions
from p2pfs.peer.plugin import Options as PeerOptions
from p2pfs.tracker.plugin import Options as TrackerOptions


class Plain(DaemonOptions):
    """The options of a daemon that adds a flag, a list, and one with a value unless given."""

    role = "plain"

    optFlags = [["loud", None, "Say more."]]  # noqa: RUF012  # Twisted reads it from the class
    optParameters = [["size", None, None, "How big."]]  # noqa: RUF012  # as above

    repeatable = ("thing",)
    unless_given: ClassVar[Mapping[str, str | list[str]]] = {"size": "big", "thing": ["one"]}

    def opt_thing(self, text: str) -> None:
        """A thing."""
        self["thing"].append(text)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own directory, which is the working directory too."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def parsed(*words: str, file: str | None = None) -> Plain:
    """The options that these words and the default file make."""
    if file is not None:
        Path("plain.toml").write_text(file)
    options = Plain(Path().absolute())
    options.parseOptions(words)
    return options


@pytest.mark.parametrize("words", [["--what"], ["word"], ["--state"], ["--loud=1"]])
def test_what_is_not_understood_ends_with_a_line(words: list[str]) -> None:
    """That of the command whose help there is."""
    with pytest.raises(SystemExit, match=r"^p2pfs-plain: .*; see 'twistd p2pfs-plain --help'\.$"):
        parsed(*words)


def test_paths_are_absolute(home: Path) -> None:
    """The process may change its directory after the options are read."""
    options = parsed("--state", "here", "--authorized-keys", "~/keys")
    assert options["state"] == home / "here"
    assert options["authorized-keys"] == home / "keys"
    assert parsed()["state"] == home / ".local/state/p2pfs/plain"


@pytest.mark.parametrize("path", ["~nobody-of-this-name/x", "relative"])
def test_a_path_that_leads_nowhere_is_a_sentence(
    home: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one relative to a directory that was removed."""
    gone = home / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(SystemExit, match=rf"^p2pfs-plain: The local path '{path}' .*\.$"):
        Plain(home).parseOptions(["--state", path])


@pytest.mark.parametrize(
    "endpoint", ["tcp:x", "nonsense", "systemd:", "ssl:1:privateKey=/dev/null"]
)
def test_an_endpoint_that_cannot_be_read_is_a_sentence(endpoint: str) -> None:
    """Whatever its type makes of it; no reactor is needed to tell."""
    with pytest.raises(SystemExit, match=rf"^p2pfs-plain: '{endpoint}' is not a server endpoint"):
        parsed("--ssh", endpoint, "--authorized-keys", "k")


def test_the_file_gives_what_the_command_line_does_not() -> None:
    """Also when the command line gives what would be the default; a list replaces the list."""
    file = 'size = "small"\nthing = ["a", "b"]\nloud = true\nstate = "s"'
    options = parsed(file=file)
    assert (options["size"], options["thing"], options["loud"]) == ("small", ["a", "b"], True)
    assert options["state"] == Path("s").absolute()
    options = parsed("--size", "big", "--thing", "c", file=file)
    assert (options["size"], options["thing"], options["loud"]) == ("big", ["c"], True)


def test_without_a_file_there_are_the_defaults() -> None:
    """It does not need to be there, nor does the directory it would be in."""
    options = Plain(Path("/nonexistent"))
    options.parseOptions([])
    assert (options["size"], options["thing"], options["loud"]) == ("big", ["one"], 0)


def test_another_file_or_none_can_be_named() -> None:
    """What is named has to be there."""
    Path("other.toml").write_text('size = "other"')
    assert parsed("--config", "other.toml", file='size = "x"')["size"] == "other"
    assert parsed("--config", "none", file="no TOML")["size"] == "big"
    with pytest.raises(SystemExit, match=r"^p2pfs-plain: .*/away cannot be read \(No such file"):
        parsed("--config", "away")


def test_a_file_that_is_there_and_cannot_be_read_is_told() -> None:
    """It is not passed over: what it says would count."""
    Path("plain.toml").mkdir()
    with pytest.raises(SystemExit, match=r"plain.toml cannot be read \(Is a directory\).*--config"):
        parsed()


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("\nsise = 1", "line 2: there is no option 'sise'; did you mean 'size'?"),
        ("#\n\nssh = 'tcp:x'", "line 3: 'tcp:x' is not a server endpoint"),
        ("loud = true\nssh = 'tcp:1'", "line 2: The SSH console needs to know who may log in"),
        ("config = 'x'", "line 1: there is no option 'config'"),
        ("size =", "line 1: this is not TOML"),
    ],
)
def test_an_error_in_the_file_has_its_line(file: str, sentence: str) -> None:
    """Of the parser, of the options there are, of a value, of what does not go together."""
    with pytest.raises(SystemExit) as caught:
        parsed(file=file)
    where = Path("plain.toml").absolute()
    assert str(caught.value).startswith(f"p2pfs-plain: {where}, {sentence}")


@pytest.mark.parametrize("options", [PeerOptions, TrackerOptions])
def test_no_option_has_a_value_before_it_is_given(options: type[DaemonOptions]) -> None:
    """Or else what the file says of it would be passed over."""
    assert {str(value) for value in options().values()} <= {"None", "0", "[]"}


def test_an_error_of_the_command_line_does_not_name_the_file() -> None:
    """Although the file gives that option too."""
    with pytest.raises(SystemExit, match=r"^p2pfs-plain: 'tcp:x' is not"):
        parsed("--ssh", "tcp:x", file="ssh = 'tcp:1'\nauthorized-keys = 'k'")


@pytest.mark.parametrize(
    ("options", "file", "result"),
    [
        (
            PeerOptions,
            'tracker = "tcp:t:1"\nlisten = "tcp:2"\nshare = ["/a", "/b"]\nupload-rate = "1K"\n'
            'download-rate = "none"\nssh = "tcp:3"\nauthorized-keys = "/k"\nstate = "/s"',
            {
                "tracker": "tcp:t:1",
                "listen": "tcp:2",
                "share": [Path("/a"), Path("/b")],
                "upload-rate": 1024,
                "download-rate": 0,
            },
        ),
        (
            TrackerOptions,
            'listen = ["tcp:1", "none"]\nallow-announced-host = true',
            {"listen": ["tcp:1", "none"], "allow-announced-host": True},
        ),
    ],
)
def test_each_daemon_has_its_own_options_in_the_file(
    home: Path, options: type[DaemonOptions], file: str, result: dict[str, object]
) -> None:
    """By the names that they have on the command line."""
    (home / f"{options.role}.toml").write_text(file)
    made = options(home)
    made.parseOptions([])
    assert {name: made[name] for name in result} == result


def test_the_version_is_that_of_p2pfs(capsys: pytest.CaptureFixture[str]) -> None:
    """And not Twisted's."""
    with pytest.raises(SystemExit) as caught:
        parsed("--version")
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"p2pfs-plain {__version__}\n"


def under_twistd(*words: str) -> ServerOptions:
    """What twistd goes by when it is started with these options of its own."""
    server = ServerOptions()
    server.parseOptions([*words, "p2pfs-peer", "--config", "none", "--state", "/s"])
    return server


def test_twistd_has_nothing_to_do_with_the_working_directory() -> None:
    """Pid file and log go to the state directory, and the umask stays what it is."""
    before = os.umask(0o027)
    try:
        server = under_twistd()
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert (server["pidfile"], server["logfile"], server["umask"]) == ("", "/s/log", 0o027)
    assert server.subOptions.keeps_pid_file


def test_what_twistd_is_told_counts() -> None:
    """Who gives its options means them; in the foreground the log is what is printed."""
    server = under_twistd("--pidfile", "/p", "--logfile", "/l", "--umask", "002", "--rundir", "/r")
    assert (server["pidfile"], server["logfile"], server["umask"]) == ("/p", "/l", 0o002)
    assert server["rundir"] == "/r"
    assert not server.subOptions.keeps_pid_file
    assert under_twistd("-n")["logfile"] is None
    assert under_twistd("--pidfile=").subOptions.keeps_pid_file is False


def test_a_directory_that_may_not_be_entered_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is that of who became another user, and twistd enters it once more."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert under_twistd()["rundir"] == "/"
