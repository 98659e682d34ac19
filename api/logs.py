"""The log of a worker: one line an event on standard error, for a person or a collector."""

from __future__ import annotations

import logging
import sys


def configure_logging(level: int = logging.INFO) -> None:
    """Sends everything that HyperInfer logs to standard error. Called once, by the process that serves."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s %(message)s"))
    root = logging.getLogger("hyperinfer")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False
