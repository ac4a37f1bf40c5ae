"""One history of a swarm with every kind of fault, and a digest of all that happened in it.

Run as a program it prints the digest, so that two processes can be compared.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from twisted.internet.defer import Deferred

from p2pfs.hashing import Hash
from p2pfs.membership import Role
from p2pfs.testing import Connection, Host, Network, Swarm, download, publish

CHUNK = 64 * 1024
SIZE = 1_500_000

MONTH = 21 * 86_400.0
"""Seconds after which certificates are to be renewed."""


def history(place: Path, seed: int, is_private: bool = False) -> str:
    """A digest of what every host sent and when, and of the files that came of it.

    In a private swarm ``p1`` is revoked too, while it downloads; and certificates are renewed.
    """
    seen = hashlib.sha256()
    with Network(place, Random(seed)) as network:
        swarm = Swarm(network)
        hosts = [network.add_host(f"p{n}", 5e5, 5e5, 0.005) for n in range(5)]
        tracker = network.add_host("tracker")

        def watch(host: Host) -> None:
            def note(connection: Connection, data: bytes) -> bytes:
                seen.update(f"{network.timeline.now!r} {host.name} ".encode() + data)
                return data

            host.tamper = note

        for host in (tracker, *hosts):
            watch(host)
        if is_private:
            swarm.make_private(tracker)
        service = swarm.start_tracker(tracker)
        if is_private:
            for n, host in enumerate(hosts):
                terms = (Role.READER,) if n else (Role.PUBLISHER, ["*"])
                joining = swarm.join(host, tracker, *terms)
                network.result_of(Deferred.fromCoroutine(joining), 10)
        peers = [swarm.start_peer(host, tracker, smallest_chunk=CHUNK) for host in hosts]
        network.run(1)
        for n, name in enumerate(("one", "two", "three")):
            path = hosts[0].directory / name
            path.write_bytes(Random(n).randbytes(SIZE))
            network.result_of(publish(peers[0], path, function=list(Hash)[n % 2]), 10)

        works = [
            download(peer, name, host.directory / name)[1]
            for name in ("one", "two", "three")
            for peer, host in zip(peers[1:], hosts[1:], strict=True)
        ]
        outcomes: list[object] = []
        for work in works:
            work.addBoth(outcomes.append)
        random = Random(seed)
        for _ in range(4):
            network.run(random.random())
            network.partition(random.sample(hosts, 2))
            network.run(random.random())
            network.heal()
            random.choice(list(network.connections)).reset()
        hosts[4].kill()
        network.run(0.5)
        if service.private is not None:
            revoking = service.private.enrolment.revoke("p1")
            network.result_of(Deferred.fromCoroutine(revoking), 10)
            for host in network.hosts.values():
                host.drive.clock_offset += MONTH
        again = swarm.start_peer(hosts[4], tracker, smallest_chunk=CHUNK)
        network.run(1)
        for name in ("one", "two", "three"):
            network.result_of(download(again, name, hosts[4].directory / name)[1], 120)
        network.run(60)
        hosts[3].power_off(synced_only=True)
        network.run(60)
        hosts[3].power_on()
        swarm.start_peer(hosts[3], tracker, smallest_chunk=CHUNK)
        network.run(5)
        for host in (*hosts, tracker):
            network.result_of(swarm.stop(host), 30)
        for host in hosts[:1] + hosts[2:] if is_private else hosts:
            for name in ("one", "two", "three"):
                seen.update((host.directory / name).read_bytes())
        return f"{seen.hexdigest()} {network.timeline.passed} {network.timeline.now!r}"


if __name__ == "__main__":
    with TemporaryDirectory(prefix="sim-") as directory:
        print(history(Path(directory), int(sys.argv[1]), sys.argv[2:] == ["private"]))
