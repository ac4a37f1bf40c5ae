"""How fast bytes go, how fast they may, and how fast they could."""
