"""The daemon that the consoles are tried with, for the program too."""

from __future__ import annotations

from tests.console.conftest import daemon

__all__ = ["daemon"]
