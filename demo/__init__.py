"""A whole swarm on one machine that loses its publisher in mid-transfer."""
