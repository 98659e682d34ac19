"""The replay provider: models that answer offline, by playing recordings through the real upstream client."""

from hyperinfer.providers.demo.transport import DemoTransport

__all__ = ["DemoTransport"]
