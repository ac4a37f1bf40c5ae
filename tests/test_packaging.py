"""The built wheel, installed elsewhere, has all modules, both daemons and the program."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent


EACH_MODULE = """
import importlib, pkgutil, p2pfs
for module in pkgutil.walk_packages(p2pfs.__path__, "p2pfs."):
    importlib.import_module(module.name)
    print(module.name)
"""
"""Imports every module of the package, and names it."""


def test_the_wheel_brings_plugins_and_program(tmp_path: Path) -> None:
    """Plugin packages are easily lost in packaging, and a checkout does not notice."""
    source = tmp_path / "source"
    source.mkdir()
    for name in ("p2pfs", "twisted", "setup.py", "setup.cfg", "pyproject.toml", "LICENSE"):
        origin = ROOT / name
        if origin.is_dir():
            shutil.copytree(origin, source / name, ignore=shutil.ignore_patterns("*.cache"))
        else:
            shutil.copy(origin, source)
    shutil.copytree(ROOT / "docs" / "man", source / "docs" / "man")
    (source / "README.md").write_text("p2pfs")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, source]
    subprocess.run([*pip, *build], check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")

    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    subprocess.run(
        [*pip, "--python", python, "install", "--no-deps", wheel], check=True, capture_output=True
    )
    # The libraries come from the present environment; its own p2pfs does not come with them.
    [site_packages] = environment.glob("lib/python*/site-packages")
    (site_packages / "libraries.pth").write_text(sysconfig.get_paths()["purelib"])

    def run(*command: str) -> str:
        return subprocess.run(
            [python, *command], check=True, capture_output=True, text=True, cwd=tmp_path
        ).stdout

    here = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in (ROOT / "p2pfs").rglob("*.py")
    }
    assert set(run("-c", EACH_MODULE).split()) == here - {"p2pfs"}
    twistd = "from twisted.scripts.twistd import run; run()"
    where = run("-c", "import p2pfs; print(p2pfs.__file__)")
    assert str(site_packages) in where
    commands = run("-c", twistd, "--help")
    assert "p2pfs-tracker" in commands
    assert "p2pfs-peer" in commands
    for program in ("p2pfs", "p2pfs-peer", "p2pfs-tracker"):
        assert run(str(environment / "bin" / program), "--version").startswith(f"{program} ")
    assert (site_packages / "p2pfs" / "py.typed").exists()
    for page in (ROOT / "docs" / "man").iterdir():
        installed = environment / "share" / "man" / f"man{page.suffix[1:]}" / page.name
        assert installed.read_bytes() == page.read_bytes()
    assert not (site_packages / "tests").exists()
