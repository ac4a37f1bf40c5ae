"""Why a benchmark has no result."""

from __future__ import annotations


class BenchmarkFailed(Exception):
    """It was begun, and did not go as it should; the text says what happened."""


class Skipped(Exception):
    """It cannot be run on this machine; the text says why."""
