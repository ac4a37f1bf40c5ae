"""What is offered to systemd: units that it understands, little exposed, and files of options."""

from __future__ import annotations

import grp
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from p2pfs.daemon import DaemonOptions
from p2pfs.peer.plugin import Options as PeerOptions
from p2pfs.tracker.plugin import Options as TrackerOptions

SYSTEMD = Path(__file__).parent.parent / "docs" / "systemd"

MOST_EXPOSED = "20"
"""Tenths of a point that ``systemd-analyze security`` may find, of a hundred."""

OF_UNIT_ONLY = {"config"}
"""Options that are of no use in the file."""

ROLES = pytest.mark.parametrize("options", [PeerOptions, TrackerOptions])


def example(options: type[DaemonOptions], directory: Path, commented: bool) -> DaemonOptions:
    """What the example makes of the options, with all that is commented out, or without."""
    text = (SYSTEMD / f"{options.role}.toml").read_text()
    if commented:
        text = re.sub(r"(?m)^#(?=[a-z-]+ = )", "", text)
        # The example's group is not on this machine; that of the tests is.
        text = text.replace('"p2p"', f'"{grp.getgrgid(os.getgid()).gr_name}"')
    (directory / f"{options.role}.toml").write_text(text)
    made = options(directory)
    made.parseOptions([])
    return made


@ROLES
def test_the_example_is_right_as_it_is_and_without_its_comments(
    tmp_path: Path, options: type[DaemonOptions]
) -> None:
    """It has every option there is; those it leaves out have their usual values in it."""
    usual = example(options, tmp_path, commented=False)
    full = example(options, tmp_path, commented=True)
    text = (tmp_path / f"{options.role}.toml").read_text()
    assert set(re.findall(r"(?m)^([a-z-]+) = ", text)) == set(usual) - OF_UNIT_ONLY
    for name in {"allow-announced-host", "log-level", "log-json"} & set(usual):
        assert full[name] == usual[name]


@ROLES
def test_the_unit_starts_what_there_is(options: type[DaemonOptions]) -> None:
    """Its command line is understood, with the example in the place of the file."""
    unit = (SYSTEMD / f"p2pfs-{options.role}.service").read_text()
    [command] = re.findall(r"(?m)^ExecStart=(.*)$", unit)
    program, *words = command.replace("%S", "/var/lib").split()
    assert program == f"/opt/p2pfs/bin/p2pfs-{options.role}"
    words[words.index("--config") + 1] = str(SYSTEMD / f"{options.role}.toml")
    made = options()
    made.parseOptions(words)
    assert made["state"] == Path("/var/lib/p2pfs", options.role)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
@ROLES
def test_systemd_understands_the_unit_and_finds_it_little_exposed(
    tmp_path: Path, options: type[DaemonOptions]
) -> None:
    """Without having to run; the program is there in place of the one it would start."""
    unit = tmp_path / f"p2pfs-{options.role}.service"
    text = (SYSTEMD / unit.name).read_text()
    program = tmp_path / f"p2pfs-{options.role}"
    program.touch(mode=0o755)
    unit.write_text(text.replace(f"/opt/p2pfs/bin/{program.name}", str(program)))
    # As for a user's own, so that it leaves its traces in that user's directory.
    here = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    for check in (
        ["verify", unit],
        ["security", "--offline=true", f"--threshold={MOST_EXPOSED}", unit],
    ):
        command = ["systemd-analyze", "--user", *check]
        done = subprocess.run(command, capture_output=True, text=True, env=here)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not done.stderr
