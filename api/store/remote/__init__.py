"""The shared store, on servers: rows in Postgres, holds and counters in Redis, journals on each machine. For any number of
workers."""

__all__: list[str] = []
