"""Random histories of whole swarms with faults, each repeatable from its seed."""
