"""HTTP/1.1 on httptools: one task for each connection, handlers called without ASGI, nothing begun for a request."""

from hyperinfer.api.edge.lean.edge import LeanEdge

__all__ = ["LeanEdge"]
