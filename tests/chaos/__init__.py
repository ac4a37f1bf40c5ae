"""A fault test with real processes: a swarm that is killed, frozen and starved of disk space."""
