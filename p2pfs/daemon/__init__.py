"""What both daemons are: a service with a state directory, ports and consoles, run under twistd."""
