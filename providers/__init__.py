"""The catalogue of models and the upstream side: transport, authentication, errors, quirks as data."""

from hyperinfer.providers.catalogue import Catalogue, CatalogueErrors, Model, Provider, Route, load
from hyperinfer.providers.client import Upstream, UpstreamResponse
from hyperinfer.providers.secret import Secret
from hyperinfer.providers.transport import Transport
from hyperinfer.providers.upstreams import Upstreams, open_upstreams, shipped_catalogue

__all__ = [
    "Catalogue",
    "CatalogueErrors",
    "Model",
    "Provider",
    "Route",
    "Secret",
    "Transport",
    "Upstream",
    "UpstreamResponse",
    "Upstreams",
    "load",
    "open_upstreams",
    "shipped_catalogue",
]
