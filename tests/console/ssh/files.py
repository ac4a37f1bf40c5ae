"""Key files for tests of the SSH console."""

from __future__ import annotations

from pathlib import Path

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJxOTYVLGTYUJpQdHEWKPTJvtXFHFwzIVUYkDTjWwBnb x\n"


def keys_file(directory: Path) -> Path:
    """A file with a key in it, whatever the umask is here."""
    path = directory / "keys"
    path.write_text(KEY)
    path.chmod(0o600)
    directory.chmod(0o700)
    return path
