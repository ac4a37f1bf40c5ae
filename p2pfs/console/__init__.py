"""The console: each command defined once, and the surfaces that offer them."""
