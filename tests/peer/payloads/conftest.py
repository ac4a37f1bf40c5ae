"""Fixtures for tests of payloads."""

from __future__ import annotations

from tests.secure.conftest import listening

__all__ = ["listening"]
