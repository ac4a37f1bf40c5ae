"""What p2pfs is compared with; most of it runs in worker processes of its own."""
