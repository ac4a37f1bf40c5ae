"""What is fuzzed: functions that take bytes, and raise when a promise is broken."""
