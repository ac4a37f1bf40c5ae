"""What a neighbour on the network can try, and that nobody else is harmed."""
