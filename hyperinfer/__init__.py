"""HyperInfer: an AI gateway and streaming dataflow engine."""

__all__ = ["__version__"]

__version__ = "0.1.0"
