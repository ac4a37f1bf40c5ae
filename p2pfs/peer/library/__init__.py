"""What a peer holds, also on the disk: shares, and verified chunks of unfinished downloads."""
