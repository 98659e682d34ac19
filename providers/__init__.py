"""The catalogue of models and the upstream side: transport, authentication, errors, quirks as data.

Each name is loaded when it is first asked for: who reads the catalogue needs no HTTP client.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hyperinfer.providers.catalogue import (
        Breaker,
        Catalogue,
        CatalogueErrors,
        Creator,
        Model,
        Pricing,
        Provider,
        Route,
        Timeouts,
        load,
    )
    from hyperinfer.providers.client import Upstream, UpstreamResponse
    from hyperinfer.providers.secret import Secret
    from hyperinfer.providers.transport import Transport
    from hyperinfer.providers.upstreams import Upstreams, open_upstreams, shipped_catalogue

__all__ = [
    "Breaker",
    "Catalogue",
    "CatalogueErrors",
    "Creator",
    "Model",
    "Pricing",
    "Provider",
    "Route",
    "Secret",
    "Timeouts",
    "Transport",
    "Upstream",
    "UpstreamResponse",
    "Upstreams",
    "load",
    "open_upstreams",
    "shipped_catalogue",
]

_FROM: Final = {
    "catalogue": (
        "Breaker", "Catalogue", "CatalogueErrors", "Creator", "Model", "Pricing", "Provider", "Route", "Timeouts", "load",
    ),
    "client": ("Upstream", "UpstreamResponse"),
    "secret": ("Secret",),
    "transport": ("Transport",),
    "upstreams": ("Upstreams", "open_upstreams", "shipped_catalogue"),
}  # fmt: skip
_MODULE_OF: Final = {name: module for module, names in _FROM.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    return value
