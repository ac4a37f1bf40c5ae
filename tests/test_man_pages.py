"""The manual pages say what the programs say of themselves."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from p2pfs.commands import PEER_COMMANDS, TRACKER_COMMANDS

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted((DOCS / "man").iterdir())


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    """The script that writes them."""
    spec = importlib.util.spec_from_file_location("man_pages", DOCS / "man_pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_are_up_to_date(generator: ModuleType) -> None:
    """A command or option was changed: ``make man`` writes them anew."""
    made = {page.name: page.text for page in generator.pages()}
    assert made == {path.name: path.read_text() for path in PAGES}


def test_every_command_and_option_is_there(generator: ModuleType) -> None:
    """Whatever is defined, without being listed anywhere else."""
    program, peer, tracker = (page.text.replace("\\-", "-") for page in generator.pages())
    for command in (*PEER_COMMANDS, *TRACKER_COMMANDS):
        assert f'.SS "{command.usage}"' in program
    assert "--state" in program
    assert "--upload-rate RATE" in peer
    assert "--allow-announced-host" in tracker


@pytest.mark.skipif(not shutil.which("groff"), reason="there is no groff here")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_typeset_without_a_warning(page: Path) -> None:
    """And shows its text as it was meant, quotes and dashes included."""
    command = ["groff", "-ww", "-man", "-Tascii", "-P-c", page]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    shown = re.sub(".\b", "", done.stdout)  # bold letters are struck twice
    assert "--help" in shown
    assert "'none'" in shown or page.name == "p2pfs.1"
