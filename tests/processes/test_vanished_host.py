"""A host that vanishes without closing its connections, in a network of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.interfaces import IReactorTCP

from p2pfs.tracker.directory import Directory
from p2pfs.tracker.protocol import TrackerFactory
from p2pfs.wire import KeepAlive
from tests.swarm.harness import until

TRACKER, PEER = "198.18.77.1", "198.18.77.2"
NAMESPACE = f"p2pfs-{os.getpid()}"
JOIN = """
import socket, sys, time
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
connection.sendall(b'{"type": "REQUEST_REGISTER", "address": ":6881"}\\n')
connection.recv(1000)
print("joined", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def namespace() -> Iterator[str]:
    """A network namespace that is one cable away."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip("making a network namespace needs root and iproute2")
    if subprocess.run(["ip", "netns", "add", NAMESPACE], capture_output=True).returncode != 0:
        pytest.skip("this system does not let root make network namespaces")
    here, there = f"p2pa{os.getpid()}"[:15], f"p2pb{os.getpid()}"[:15]
    inside = ["ip", "netns", "exec", NAMESPACE]
    try:
        for command in (
            ["ip", "link", "add", here, "type", "veth", "peer", "name", there],
            ["ip", "link", "set", there, "netns", NAMESPACE],
            ["ip", "addr", "add", f"{TRACKER}/30", "dev", here],
            ["ip", "link", "set", here, "up"],
            [*inside, "ip", "addr", "add", f"{PEER}/30", "dev", there],
            [*inside, "ip", "link", "set", there, "up"],
        ):
            subprocess.run(command, check=True, capture_output=True)
        yield here
    finally:
        subprocess.run(["ip", "netns", "del", NAMESPACE], check=True)


@pytest_twisted.ensureDeferred
async def test_the_tracker_forgets_a_vanished_host(namespace: str) -> None:
    """No FIN ever comes; keep-alive notices. (The waiting times are cut to seconds.)"""
    keep_alive = KeepAlive(idle=1, interval=1, probes=2)
    factory = TrackerFactory(reactor, Directory(), Random(1), keep_alive=keep_alive)
    port = IReactorTCP(reactor).listenTCP(0, factory, interface=TRACKER)
    command = ["ip", "netns", "exec", NAMESPACE, shutil.which("python3") or "python3", "-c", JOIN]
    peer = subprocess.Popen(
        [*command, TRACKER, str(port.getHost().port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        await until(lambda: factory.joined)
        subprocess.run(["ip", "link", "set", namespace, "down"], check=True)
        await until(lambda: not factory.joined, timeout=15)
    finally:
        peer.kill()
        peer.communicate()
        await port.stopListening()


def options_of(handle: Any) -> dict[str, int]:
    """The keep-alive settings of a socket."""
    names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
    return {name: handle.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in names}


@pytest_twisted.ensureDeferred
async def test_both_ends_of_every_tracker_connection_are_kept_alive(tmp_path: Path) -> None:
    """By default a vanished host is noticed within a minute, whichever end it was."""
    from tests.swarm.harness import Swarm

    swarm = Swarm(tmp_path)
    tracker = swarm.start_tracker()
    peer = await swarm.peer("p")
    for end in (next(iter(tracker.tracker.factory.connections)), peer.peer.announcer.client()):
        handle = end.transport.getHandle()
        assert handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        options = options_of(handle)
        patience = options["TCP_KEEPIDLE"] + options["TCP_KEEPINTVL"] * options["TCP_KEEPCNT"]
        assert patience < 60
    await swarm.stop_all()
