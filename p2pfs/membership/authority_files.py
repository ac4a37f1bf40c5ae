"""The files of an authority: its key, its certificate, and what leads up to a company's root.

Beside them is the name of the tracker that it is kept at, so that a copy of the directory is all
of a backup.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from stat import S_IMODE

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from p2pfs.errors import AuthorityProblem, InvalidMember, NotAMember
from p2pfs.membership.certificates import ODD, SigningKey, public_key_info
from p2pfs.membership.member import member_name
from p2pfs.membership.verification import MAX_CHAIN, is_issued_by, may_issue
from p2pfs.private_files import write_private

KEY_FILE = "key.pem"
CERTIFICATE_FILE = "certificate.pem"
CHAIN_FILE = "chain.pem"
TRACKER_NAME_FILE = "tracker_name"

AUTHORITY_DIRECTORY = "authority"
"""Where a tracker's is, in its state directory."""

USUAL_TRACKER_NAME = "tracker"
"""The member name of a tracker for which the directory has none."""


@dataclass(frozen=True)
class AuthorityFiles:
    """What an authority's directory has."""

    key: SigningKey
    certificate: x509.Certificate
    above: tuple[x509.Certificate, ...]
    """Who issued the certificate, and so on up; empty for an authority of its own."""


def write_authority(
    directory: Path, files: AuthorityFiles, tracker: str = USUAL_TRACKER_NAME
) -> None:
    """Make the directory, for its owner only; raises `AuthorityProblem`.

    ``tracker`` is the member name of the tracker that is to keep it. What is there is never
    replaced: without its authority a swarm is lost.
    """
    draft = directory.with_name(directory.name + ".new")
    try:
        # It gets its name when it is complete, so what has it is never half of one.
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        write_private(draft / KEY_FILE, _key_pem(files.key))
        write_private(draft / CERTIFICATE_FILE, files.certificate.public_bytes(Encoding.PEM))
        if files.above:
            above = b"".join(each.public_bytes(Encoding.PEM) for each in files.above)
            write_private(draft / CHAIN_FILE, above)
        write_private(draft / TRACKER_NAME_FILE, f"{tracker}\n".encode())
        draft.rename(directory)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        if directory.exists():
            raise AuthorityProblem(
                f"There is an authority in {directory} already, and it stays; move the directory "
                "away to have a new one made, which is that of another swarm."
            ) from error
        raise AuthorityProblem(
            f"The authority's directory {directory} cannot be made ({error.strerror}); check the "
            "permissions of the state directory."
        ) from error


def read_authority(directory: Path) -> AuthorityFiles:
    """What is in the directory, if it belongs together; raises `AuthorityProblem`."""
    _check_directory(directory)
    key = _read_key(directory / KEY_FILE)
    certificate, *others = _read_certificates(directory / CERTIFICATE_FILE)
    if others:
        raise AuthorityProblem(
            f"The file {directory / CERTIFICATE_FILE} has more than one certificate; leave the "
            f"authority's own, and put the others into {directory / CHAIN_FILE}."
        )
    try:
        ours = public_key_info(certificate) == key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
    except NotAMember:
        ours = False
    if not ours:
        raise AuthorityProblem(
            f"The key in {directory / KEY_FILE} is not that of {directory / CERTIFICATE_FILE}; "
            "put both back from the same backup."
        )
    if not may_issue(certificate) or not _signs_lists(certificate):
        raise AuthorityProblem(
            f"The certificate {directory / CERTIFICATE_FILE} is not an authority's; have one "
            "issued with CA:TRUE, keyCertSign and cRLSign, and no other critical extension."
        )
    path = directory / CHAIN_FILE
    above = (
        [each for each in _read_certificates(path) if each != certificate] if path.exists() else []
    )
    _check_chain(path, certificate, above)
    return AuthorityFiles(key, certificate, tuple(above))


def tracker_name_in(directory: Path) -> str:
    """The member name of the tracker whose authority is there; raises `AuthorityProblem`.

    It is `USUAL_TRACKER_NAME` where the directory says nothing.
    """
    path = directory / TRACKER_NAME_FILE
    try:
        return member_name(path.read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        return USUAL_TRACKER_NAME
    except OSError as error:
        raise _unreadable(path, error) from error
    except (UnicodeDecodeError, InvalidMember):
        raise AuthorityProblem(
            f"The file {path} has no member name in it; put it back from a backup, or write the "
            "tracker's name into it."
        ) from None


def _key_pem(key: SigningKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _check_directory(directory: Path) -> None:
    try:
        mode = S_IMODE(directory.stat().st_mode)
    except OSError as error:
        raise AuthorityProblem(
            f"The authority's directory {directory} cannot be used ({error.strerror}); name the "
            f"one that has {KEY_FILE} and {CERTIFICATE_FILE}."
        ) from error
    if mode & 0o022:
        raise AuthorityProblem(
            f"Others can change what is in the authority's directory {directory}; give it to its "
            f"owner alone: chmod 700 {directory}"
        )


def _read_key(path: Path) -> SigningKey:
    try:
        if S_IMODE(path.stat().st_mode) & 0o077:
            raise AuthorityProblem(
                f"Others can read the authority's key {path}, or change it; give it to its owner "
                f"alone: chmod 600 {path}"
            )
    except OSError as error:
        raise _unreadable(path, error) from error
    data = _read(path)
    try:
        key: object = load_pem_private_key(data, None)
    except TypeError:
        raise AuthorityProblem(
            f"The authority's key {path} has a passphrase, which nobody could type at each start; "
            "take it off with openssl pkey."
        ) from None
    except ODD:
        key = None
    if not isinstance(key, SigningKey):
        raise AuthorityProblem(
            f"The file {path} is not a key that can sign certificates; put it back from a backup."
        )
    return key


def _read_certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_read(path))
    except ODD:
        raise AuthorityProblem(
            f"The file {path} is no certificate in PEM; put it back from a backup."
        ) from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> AuthorityProblem:
    return AuthorityProblem(
        f"The authority's file {path} cannot be used ({error.strerror}); put it back from a backup."
    )


def _signs_lists(certificate: x509.Certificate) -> bool:
    return certificate.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign


def _check_chain(path: Path, certificate: x509.Certificate, above: list[x509.Certificate]) -> None:
    # The member's own certificate comes before these.
    if len(above) + 2 > MAX_CHAIN:
        raise AuthorityProblem(
            f"The file {path} has {len(above)} certificates, and {MAX_CHAIN - 2} are the most; "
            "leave out those that do not lead from the authority to the root."
        )
    below = certificate
    for i, issuer in enumerate(above):
        if not is_issued_by(below, issuer) or not may_issue(issuer, i + 1):
            raise AuthorityProblem(
                f"The certificates in {path} do not lead from the authority to the root; put each "
                "behind the one that it issued."
            )
        below = issuer
