"""Coverage-guided fuzzing: arbitrary bytes against everything that reads from the network.

``python -m tests.fuzz`` runs it; ``docs/testing.md`` says how, and what for.
"""

from __future__ import annotations

from pathlib import Path

TARGETS = ("messages", "values", "tracker", "serving", "source", "tracker_client")
"""The modules of `fuzz.targets`; each has a function ``run`` that takes bytes."""

HERE = Path(__file__).parent
"""This directory."""

CORPUS = HERE / "corpus"
"""Inputs worth trying again, in a directory for each target."""
