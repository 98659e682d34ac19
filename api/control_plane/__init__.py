"""Every route that is not a model call: health, catalogue, generations, one-time keys, the API description.

An ASGI application on quart-trio. Importing this package costs a quarter of a second; `api/app.py` does it when the
first such request comes.
"""

from hyperinfer.api.control_plane.application import control_plane

__all__ = ["control_plane"]
