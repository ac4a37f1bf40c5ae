"""A test of a whole swarm, in simulated time: pytest test_swarm.py."""

from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from p2pfs.testing import Network, Swarm, download, publish


def test_a_download_outlives_its_source() -> None:
    """A source that loses power and comes back is gone on with, and the copies are right."""
    with TemporaryDirectory() as directory, Network(Path(directory), Random(1)) as network:
        swarm = Swarm(network)
        office = network.add_host("office")
        swarm.start_tracker(office)
        hosts = [network.add_host(name, up=1e6, down=2e6, latency=0.02) for name in "abc"]
        a, b, c = (swarm.start_peer(host, office, smallest_chunk=65536) for host in hosts)
        network.run(1)  # they join the tracker

        path = hosts[0].directory / "data"
        path.write_bytes(Random(2).randbytes(1_000_000))
        network.result_of(publish(a, path), within=10)
        _, fetched = download(b, "data", hosts[1].directory / "data")
        network.run(0.5)
        assert not fetched.called

        hosts[0].power_off()  # the only source is gone
        network.run(20)
        assert not fetched.called
        hosts[0].power_on()
        swarm.start_peer(hosts[0], office)
        network.result_of(fetched, within=60)
        network.result_of(download(c, "data", hosts[2].directory / "data")[1], within=60)
        for host in hosts:
            assert (host.directory / "data").read_bytes() == path.read_bytes()
