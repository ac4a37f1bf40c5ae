"""The commands of a private swarm: who is invited, who is a member, and who no more."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from twisted.logger import Logger

from p2pfs.addresses import Address, is_loopback, is_wildcard, parse_address
from p2pfs.commands import Call, split_line
from p2pfs.console.command import Answer, ReportProgress
from p2pfs.console.rendering import table
from p2pfs.errors import InvalidAddress, Refused, UsageProblem
from p2pfs.membership import MAX_ADDRESSES, Invitation, Role, check_patterns
from p2pfs.tracker.enrolment import Enrolled, Enrolment, Terms

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_TIME = re.compile(r"([0-9]{1,9})([smhd])", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,9}", re.ASCII)


class MembershipCommands:
    """What does the commands ``invite``, ``members`` and ``revoke``."""

    log = Logger()

    def __init__(
        self,
        enrolment: Enrolment | None,
        listening: Callable[[], Sequence[str]],
        own_hosts: Callable[[], Sequence[str]],
    ) -> None:
        """``enrolment`` is None in an open swarm.

        ``listening`` says at which addresses or endpoints the tracker listens, ``own_hosts`` by
        which IP addresses others can reach this machine.
        """
        self._enrolment = enrolment
        self._listening = listening
        self._own_hosts = own_hosts

    async def invite(self, call: Call, report: ReportProgress) -> Answer:
        """One line, which is the invitation; raises `P2pfsError`."""
        enrolment, options = self._private(), call.options
        terms = _terms(options.get("role", "reader"), options.get("names"))
        uses, lifetime = _uses(options.get("uses", "1")), _seconds(options.get("expires", "1h"))
        given = options.get("address")
        addresses = self._addresses() if given is None else (_address(given),)
        secret = await enrolment.invite(terms, uses, lifetime)
        fingerprint = enrolment.fingerprint
        text = Invitation(addresses, bytes.fromhex(fingerprint), secret, enrolment.name).text()
        data = {
            "invitation": text,
            "addresses": [str(address) for address in addresses],
            "fingerprint": fingerprint,
            "role": terms.role.value,
            "names": list(terms.patterns),
            "uses": uses,
            "seconds": lifetime,
        }
        # Nothing else: it is piped into 'p2pfs join'.
        return Answer(data, [text])

    async def members(self, call: Call, report: ReportProgress) -> Answer:
        """All members, by name."""
        found = await self._private().members()
        members = sorted(found, key=lambda member: member.name)
        rows = [
            (
                member.name,
                member.terms.role.value,
                " ".join(member.terms.patterns) or "-",
                _day(member.since),
                _day(member.until),
                member.address or "-",
                _day(member.seen),
            )
            for member in members
        ]
        headings = ["name", "role", "names", "since", "until", "address", "last seen"]
        nobody = "There is no member yet; 'invite' makes an invitation."
        return Answer(list(map(_data, members)), table(headings, rows, nobody))

    async def revoke(self, call: Call, report: ReportProgress) -> Answer:
        """Put a member out; raises `NotFound`."""
        name = call["name"]
        await self._private().revoke(name)
        return Answer(
            {"revoked": name},
            [f"Revoked {name}: nobody in the swarm talks to it any more."],
        )

    def _private(self) -> Enrolment:
        if self._enrolment is None:
            raise Refused(
                "This swarm is open, and has no members; 'p2pfs tracker private' makes it a "
                "private one."
            )
        return self._enrolment

    def _addresses(self) -> tuple[Address, ...]:
        """Where peers reach the tracker, as far as it can tell."""
        found: dict[Address, None] = {}
        for text in self._listening():
            try:
                address = parse_address(text)
            except InvalidAddress:
                continue  # a UNIX socket, say
            hosts = self._own_hosts() if is_wildcard(address.host) else [address.host]
            # Those who listen everywhere are also where this machine alone gets to.
            for host in hosts or ["127.0.0.1"]:
                found[address._replace(host=host)] = None
        outside = [address for address in found if not is_loopback(address.host)]
        if not found:
            raise UsageProblem(
                "The tracker listens at no address that an invitation could name; open a port "
                "with 'start', or give --address HOST:PORT."
            )
        if not outside:
            self.log.warn(
                "An invitation was made that only this machine can use, as the tracker has no "
                "other address; listen elsewhere, or give --address to 'invite'."
            )
        return tuple(outside or found)[:MAX_ADDRESSES]


def _data(member: Enrolled) -> dict[str, Any]:
    return {
        "name": member.name,
        "role": member.terms.role.value,
        "names": list(member.terms.patterns),
        "since": member.since,
        "until": member.until,
        "address": member.address or None,
        "seen": member.seen or None,
    }


def _terms(role: str, names: str | None) -> Terms:
    """What an invitation is to make of those who use it; raises `P2pfsError`."""
    patterns = tuple(split_line(names or ""))
    if role == Role.PUBLISHER.value and not patterns:
        raise UsageProblem(
            "A publisher needs the names that it may publish, such as --names 'models/*'; "
            "--names '*' is for all."
        )
    return Terms(Role(role), check_patterns(Role(role), patterns))


def _uses(text: str) -> int:
    if not _COUNT.fullmatch(text):
        raise UsageProblem(f"--uses needs a number such as 1 or 200, and not {text[:40]!a}.")
    return int(text)


def _seconds(text: str) -> float:
    found = _TIME.fullmatch(text)
    if found is None:
        raise UsageProblem(
            f"--expires needs a time such as 90s, 10m, 1h or 7d, and not {text[:40]!a}."
        )
    return float(int(found[1]) * _UNITS[found[2]])


def _address(text: str) -> Address:
    address = parse_address(text)
    if is_wildcard(address.host):
        raise UsageProblem(
            "--address needs a host that others can reach, such as tracker.example:6880."
        )
    return address


def _day(seconds: float) -> str:
    return "-" if not seconds else datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")
