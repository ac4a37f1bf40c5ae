"""Whose word counts on what a name means: signatures of what is listed, and of what is to be.

Where names need not be signed, one that is belongs to a key. Where they must be, each publisher
who may have it is the owner. In both, of what owners have signed the latest counts, whether or
not what was listed before is still there as a whole: so an older content cannot come back in the
name of who has replaced it. Signatures are checked only when something would change by them: a
thousand holders of a file show the same one.
"""

from __future__ import annotations

from p2pfs.chunks import FileInfo
from p2pfs.errors import BadSignature
from p2pfs.membership import NameSigning, Signature
from p2pfs.tracker.listed_file import ListedFile


class Titles:
    """Judges what peers want listed, by what is listed."""

    def __init__(self, signing: NameSigning) -> None:
        self._signing = signing

    def is_void(self, signature: Signature | None) -> bool:
        """Whether what is listed so may be listed no more."""
        return signature is not None and self._signing.is_void(signature)

    def check(self, name: str, info: FileInfo, signature: Signature | None) -> None:
        """Raise `BadSignature` unless this may be listed, as nothing else has the name."""
        self._signing.check(name, info, signature)

    def is_better(self, listed: ListedFile, peer: str, signature: Signature | None) -> bool:
        """Whether a signature of the very content that is listed is to take the present one's
        place.

        Raises `BadSignature` for one that is wrong, if it would.
        """
        present, signing = listed.signature, self._signing
        if signature is None or signature == present:
            return False
        if present is None:
            # Otherwise who fetched a file that nobody signed could have its name.
            if any(holder != peer for holder in listed.holders):
                return False
        elif signature.at <= present.at or not signing.is_same_owner(present, signature):
            return False
        elif signing.is_void(signature):
            return False  # it is listed by another's word: who is revoked is a holder still
        signing.check(listed.name, listed.info, signature)
        return True

    def replaces(self, listed: ListedFile, info: FileInfo, signature: Signature | None) -> bool:
        """Whether another content takes the name of what is listed by the word of its owner.

        Raises `BadSignature` when it would, but is signed wrongly or earlier than what is listed.
        """
        present, signing = listed.signature, self._signing
        if present is not None and signature is not None:
            if not signing.is_same_owner(present, signature):
                return False
            if signature.at <= present.at:
                raise BadSignature(
                    "A newer content is listed under that name, by who may say what it means; "
                    "download that one, or unpublish this one and publish it again to have it back."
                )
        elif not signing.required:
            return False
        signing.check(listed.name, info, signature)
        return True
