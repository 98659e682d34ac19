"""The HTTP edge: listening, guarded connections, exchanges, and a drain that the application hears of."""

from hyperinfer.api.edge.asgi import AsgiApp, CrashReply, Message, Receive, Reply, Scope, Send
from hyperinfer.api.edge.asgi_exchange import AsgiExchange
from hyperinfer.api.edge.connection import Connection, EdgeConnection, EdgeCounters
from hyperinfer.api.edge.dispatch import DataPlane, Dispatch, Handler, Routed
from hyperinfer.api.edge.edges import EDGES
from hyperinfer.api.edge.exchange import BodyTooLarge, ClientGone, Exchange, ExchangeError, Headers, SlowBody
from hyperinfer.api.edge.lifespan import LifespanFailed, StartupFailed
from hyperinfer.api.edge.serve import Drain, serve
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
    "serve",
]
