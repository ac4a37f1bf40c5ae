"""Making a swarm private: its authority is made or brought once, and never replaced."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred

from p2pfs.cli.founding import found_swarm
from p2pfs.commands import LOCAL_COMMANDS, Definitions
from p2pfs.console.control.messages import AnswerMessage
from p2pfs.errors import AuthorityProblem, InvalidMember, StartupProblem
from p2pfs.membership import Authority, tracker_name_in
from tests.console.toy import p2pfs
from tests.membership.swarms import company

DEFINITIONS = Definitions(LOCAL_COMMANDS["tracker"])


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Where a tracker keeps its state, which it did not do yet."""
    return tmp_path / "home" / "tracker"


def found(state: Path, *words: str, host: str = "Hq.Example") -> AnswerMessage:
    """Give the command, on a machine of that name."""
    return found_swarm(state, DEFINITIONS.parse(["private", *words]), lambda: host)


def kept(state: Path) -> dict[str, bytes]:
    """What is in the authority's directory."""
    return {path.name: path.read_bytes() for path in (state / "authority").iterdir()}


def test_an_authority_is_made_where_the_tracker_finds_it(state: Path) -> None:
    """For its user only, with a name for the tracker that no peer of this machine has."""
    answer = found(state)
    authority = Authority.load(state / "authority", os.urandom)
    assert answer.data == {
        "fingerprint": authority.fingerprint,
        "tracker": "tracker.hq.example",
        "authority": str(state / "authority"),
        "until": authority.certificate.not_valid_after_utc.timestamp(),
    }
    assert authority.fingerprint in answer.lines[0]
    assert "p2pfs tracker invite" in answer.lines[-1]
    assert tracker_name_in(state / "authority") == "tracker.hq.example"
    assert state.stat().st_mode & 0o777 == 0o700
    assert (state / "authority" / "key.pem").stat().st_mode & 0o777 == 0o600


def test_given_twice_it_says_so_and_changes_nothing(state: Path, tmp_path: Path) -> None:
    """Also with another authority at hand: the members of the first would be nobody's."""
    fingerprint = found(state).data["fingerprint"]
    before = kept(state)
    company(tmp_path / "company")
    for words in ([], ["--name", "other"], ["--ca", str(tmp_path / "company")]):
        with pytest.raises(AuthorityProblem, match=f"private already, {fingerprint}"):
            found(state, *words)
    assert kept(state) == before
    # What is there is never taken for nothing, whatever it is.
    (state / "authority" / "key.pem").unlink()
    with pytest.raises(AuthorityProblem, match="put it back from a backup"):
        found(state)


def test_one_is_brought_from_elsewhere(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what leads up to the company's root; a relative path is seen from where one is."""
    ours, root = company(tmp_path / "company")
    monkeypatch.chdir(tmp_path)
    answer = found(state, "--ca", "company", "--name", "Boss")
    assert answer.data["fingerprint"] == ours.fingerprint
    assert Authority.load(state / "authority", os.urandom).chain == (ours.certificate, root)
    assert tracker_name_in(state / "authority") == "boss"
    modes = {path.stat().st_mode & 0o777 for path in (state / "authority").iterdir()}
    assert modes == {0o600}


def test_a_backup_is_restored_with_the_tracker_s_name(state: Path, tmp_path: Path) -> None:
    """On another machine too: members know the tracker by it."""
    fingerprint = found(state).data["fingerprint"]
    shutil.copytree(state / "authority", tmp_path / "backup")
    answer = found(tmp_path / "new", "--ca", str(tmp_path / "backup"), host="other")
    assert answer.data["fingerprint"] == fingerprint
    assert answer.data["tracker"] == "tracker.hq.example"
    assert kept(tmp_path / "new") == kept(state)


def test_what_cannot_be_brought_is_refused_and_leaves_nothing(state: Path, tmp_path: Path) -> None:
    """A key that others can read, one that is not there, and half of one."""
    company(tmp_path / "company")
    (tmp_path / "company" / "key.pem").chmod(0o640)
    with pytest.raises(AuthorityProblem, match="chmod 600"):
        found(state, "--ca", str(tmp_path / "company"))
    with pytest.raises(AuthorityProblem, match="cannot be used"):
        found(state, "--ca", str(tmp_path / "nowhere"))
    assert not list(state.iterdir())


def test_without_a_name_nothing_is_made(state: Path) -> None:
    """One that cannot be, or a machine that is called by its address."""
    with pytest.raises(InvalidMember, match="two words"):
        found(state, "--name", "two words")
    with pytest.raises(InvalidMember, match="give one with --name"):
        found(state, host="10.0.0.1")
    assert not state.exists()


def test_a_state_directory_that_cannot_be_is_told(tmp_path: Path) -> None:
    """As the daemon would."""
    (tmp_path / "file").touch()
    with pytest.raises(StartupProblem, match="give another with --state"):
        found(tmp_path / "file")


@ensureDeferred
async def test_the_program_does_it_without_a_daemon(tmp_path: Path) -> None:
    """The second time with status 1, and in JSON where that is asked for."""
    words = ("--state", str(tmp_path / "s"), "tracker", "private", "--name", "hq", "--json")
    program = p2pfs(*words)
    assert await program.end() == 0
    fingerprint = json.loads(program.out)["fingerprint"]
    authority = Authority.load(tmp_path / "s" / "authority", os.urandom)
    assert fingerprint == authority.fingerprint
    program = p2pfs(*words)
    assert await program.end() == 1
    assert json.loads(program.out)["kind"] == "AuthorityProblem"
    assert fingerprint in json.loads(program.out)["error"]
