"""Those who begin at the same time."""

from __future__ import annotations

from p2pfs.testing import Network, Swarm, download, publish

PEERS = 5


def test_they_meet_before_they_have_anything(network: Network) -> None:
    """Each is connected to all others when the first chunk is still on its way to anybody."""
    swarm = Swarm(network)
    tracker = network.add_host("tracker")
    swarm.start_tracker(tracker)
    hosts = [network.add_host(f"p{number}", 10_000, 10_000) for number in range(PEERS + 1)]
    source, *peers = [swarm.start_peer(host, tracker, smallest_chunk=1 << 16) for host in hosts]
    path = hosts[0].directory / "f"
    path.write_bytes(bytes(4 << 16))
    network.run(3.0)
    network.result_of(publish(source, path), 60.0)
    jobs = []
    for host, peer in zip(hosts[1:], peers, strict=True):
        job, fetched = download(peer, "f", host.directory / "f")
        fetched.addErrback(lambda failure: None)
        jobs.append(job)
    network.run(3.0)
    assert [job.done for job in jobs] == [0] * PEERS
    assert [job.download and job.download.connected_sources for job in jobs] == [PEERS] * PEERS
