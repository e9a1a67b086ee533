"""Real servers on this machine, to speak with and to misbehave on demand."""
