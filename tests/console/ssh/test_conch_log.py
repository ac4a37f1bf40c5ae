"""What conch says stays conch's, also where it is said by one of our classes."""

from __future__ import annotations

from twisted.logger import Logger, LogLevel

from p2pfs.console.ssh.conch_log import CONCH, ConchLog
from tests.log import log_lines


class Theirs:
    """As conch has them."""

    _log: object = Logger()

    def speak(self) -> None:
        """Tell of its work."""
        self._log.info("A channel was closed.")  # type: ignore[attr-defined]  # it is a Logger


class Ours(Theirs):
    """One of ours."""

    _log = ConchLog()


def test_it_is_in_the_name_of_conch() -> None:
    """A filter that goes by the name sees whose it is."""
    with log_lines(LogLevel.info, "") as everything, log_lines(LogLevel.info, CONCH) as conchs:
        Ours().speak()
        Theirs().speak()
    assert len(everything) == 2
    assert len(conchs) == 1
