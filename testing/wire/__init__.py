"""What the vendors' wires look like: a scripted reply as bytes of each protocol, streamed and whole, and their errors."""
