"""The keys of the SSH console: the daemon's own, and those that may log in."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.conch.checkers import IAuthorizedKeysDB, readAuthorizedKeyFile
from twisted.conch.ssh.keys import BadKeyError, FingerprintFormats, Key
from twisted.logger import Logger
from zope.interface import implementer

from p2pfs.errors import StartupProblem
from p2pfs.printable import printable
from p2pfs.private_files import write_private

HOST_KEY_NAME = "ssh_host_ed25519_key"


def host_key(state: Path) -> Key:
    """The daemon's Ed25519 host key, made in the state directory when there is none yet.

    Raises `StartupProblem` when it can be neither read nor written.
    """
    path = state / HOST_KEY_NAME
    try:
        if not path.exists():
            _write_new_key(path)
        return _read_key(path.read_bytes())
    except OSError as error:
        raise StartupProblem(
            f"The SSH host key {path} cannot be used ({error.strerror}); "
            "check the state directory's permissions."
        ) from error
    except BadKeyError as error:
        raise StartupProblem(
            f"The file {path} is not an SSH host key; remove it to have a new one made."
        ) from error


def fingerprint(key: Key) -> str:
    """A key's fingerprint as OpenSSH shows it: ``SHA256:`` and 43 characters."""
    digest: str = key.fingerprint(FingerprintFormats.SHA256_BASE64)
    return f"SHA256:{digest.rstrip('=')}"


@implementer(IAuthorizedKeysDB)
class AuthorizedKeysFile:
    """Public keys in the format of OpenSSH's authorized_keys, read anew at each login.

    A line that cannot be read as a key is logged and lets nobody in; that
    includes keys with options before them, whose restrictions would not be
    honoured. Nor does anybody get in while others than the daemon's user and root could
    write to the file, or put another into its place.
    """

    _log = Logger()

    def __init__(self, path: Path) -> None:
        """Check the file; raises `StartupProblem` when nobody could log in, or anybody."""
        self._path = path
        try:
            keys = self._read()
        except OSError as error:
            raise StartupProblem(
                f"The authorized keys {path} cannot be read ({error.strerror}); "
                "give a file with the public keys that may log in."
            ) from error
        if not keys:
            raise StartupProblem(
                f"There is no public key in {path}, so nobody could log in; add one to it, "
                "without options before it."
            )

    def getAuthorizedKeys(self, avatarId: bytes) -> Iterable[_CommentedKey]:
        """The keys that may log in now, whatever the user name."""
        try:
            return self._read()
        except StartupProblem as problem:
            self._log.error("{problem} Until then nobody can log in.", problem=str(problem))
            return ()
        except OSError as error:
            self._log.error(
                "The authorized keys {path} cannot be read: {error}; nobody can log in.",
                path=self._path,
                error=error,
            )
            return ()

    def holder_of(self, key: Key) -> str:
        """Whose key it is, for the log: its fingerprint, and its comment in the file."""
        comments = (line.comment for line in self.getAuthorizedKeys(b"") if line == key)
        return " ".join(text for text in (fingerprint(key), next(comments, "")) if text)

    def _read(self) -> list[_CommentedKey]:
        path = self._path.resolve()
        with path.open("rb") as file:
            _check_safe(path.parent, path.parent.stat())
            _check_safe(path, os.fstat(file.fileno()))
            return [cast(_CommentedKey, key) for key in readAuthorizedKeyFile(file, _read_key)]


def _check_safe(path: Path, status: os.stat_result) -> None:
    """Raise `StartupProblem` when others may change it, as OpenSSH's StrictModes does."""
    if status.st_uid not in (0, os.geteuid()):
        raise StartupProblem(
            f"{path} belongs to another user, who could let anybody log in; give a file of the "
            "user that runs this daemon, in a directory of theirs."
        )
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise StartupProblem(
            f"Others can write to {path}, and so let anybody log in; run 'chmod go-w {path}'."
        )


class _CommentedKey(Key):
    """A key with what stands behind it in its file; conch drops that."""

    comment = ""


def _read_key(data: bytes) -> _CommentedKey:
    """Read a key; raises ``BadKeyError`` alone, whatever conch stumbles over."""
    try:
        key: _CommentedKey = _CommentedKey.fromString(data)  # type: ignore[no-untyped-call]
    except BadKeyError:
        raise
    except Exception as error:
        raise BadKeyError(f"not a key: {error}") from error
    key.comment = printable(" ".join(data.decode("utf-8", "replace").split()[2:]))
    return key


def _write_new_key(path: Path) -> None:
    text: bytes = Key(Ed25519PrivateKey.generate()).toString("openssh")
    write_private(path, text)
