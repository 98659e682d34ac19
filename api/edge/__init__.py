"""The HTTP edge: listening, guarded connections, exchanges, and a drain that the application hears of.

`serve.serve` runs it. Each name is loaded when it is first asked for: who opens the sockets does not speak HTTP.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hyperinfer.api.edge.asgi import AsgiApp, CrashReply, Message, Receive, Reply, Scope, Send
    from hyperinfer.api.edge.asgi_exchange import AsgiExchange
    from hyperinfer.api.edge.connection import Connection, EdgeConnection
    from hyperinfer.api.edge.counters import EdgeCounters
    from hyperinfer.api.edge.dispatch import DataPlane, Dispatch, Handler, Routed
    from hyperinfer.api.edge.edges import EDGES
    from hyperinfer.api.edge.exchange import BodyTooLarge, ClientGone, Exchange, ExchangeError, Headers, SlowBody
    from hyperinfer.api.edge.lifespan import LifespanFailed, StartupFailed
    from hyperinfer.api.edge.serve import Drain
    from hyperinfer.api.edge.settings import EdgeSettings

__all__ = [
    "EDGES",
    "AsgiApp",
    "AsgiExchange",
    "BodyTooLarge",
    "ClientGone",
    "Connection",
    "CrashReply",
    "DataPlane",
    "Dispatch",
    "Drain",
    "EdgeConnection",
    "EdgeCounters",
    "EdgeSettings",
    "Exchange",
    "ExchangeError",
    "Handler",
    "Headers",
    "LifespanFailed",
    "Message",
    "Receive",
    "Reply",
    "Routed",
    "Scope",
    "Send",
    "SlowBody",
    "StartupFailed",
]

_FROM: Final = {
    "asgi": ("AsgiApp", "CrashReply", "Message", "Receive", "Reply", "Scope", "Send"),
    "asgi_exchange": ("AsgiExchange",),
    "connection": ("Connection", "EdgeConnection"),
    "counters": ("EdgeCounters",),
    "dispatch": ("DataPlane", "Dispatch", "Handler", "Routed"),
    "edges": ("EDGES",),
    "exchange": ("BodyTooLarge", "ClientGone", "Exchange", "ExchangeError", "Headers", "SlowBody"),
    "lifespan": ("LifespanFailed", "StartupFailed"),
    "serve": ("Drain",),
    "settings": ("EdgeSettings",),
}
_MODULE_OF: Final = {name: module for module, names in _FROM.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    return value
