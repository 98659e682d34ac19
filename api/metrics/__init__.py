"""What a gateway counts of itself, and `GET /metrics`, which tells it of all workers of a machine (docs/metrics.md).

Each worker has plain numbers of its own, added to where a request ends; what Prometheus reads is made of them when it asks.
"""

__all__: list[str] = []
