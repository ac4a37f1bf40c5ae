"""The door of a private swarm, with real TLS over sockets of this machine."""
