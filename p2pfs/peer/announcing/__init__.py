"""What a peer tells its tracker and asks of it, over a connection that comes back by itself."""
