"""Settlement as a state machine without I/O: what one process owes to its requests, whatever crashes or is late.

Stores drive it: they carry out its effects on a database, a hold store and a journal, and tell it what came of them.
"""

__all__: list[str] = []
