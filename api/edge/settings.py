"""The settings of the edge, and the hypercorn configuration that they make."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass

from hypercorn.config import Config

from hyperinfer.api.edge.exchange import BODY_IDLE, BODY_WHOLE


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeSettings:
    """Times in seconds, sizes in bytes."""

    edge: str = "lean"
    """Who serves a connection: a name of `edges.EDGES`."""
    write_deadline: float = 60.0
    """How long a client may take no byte of what is sent to it (`limits.write`)."""
    grace: float = 30.0
    """How long running requests may go on after a drain began (`limits.grace`)."""
    settle_margin: float = 3.0
    """After the grace: for last words, settlement and clients that do not read. Then everything is cut."""
    settling: float = 10.0
    """After that: as long as a settlement that has just begun may take, which nothing cuts."""
    startup: float = 60.0
    """For the application to start."""
    shutdown: float = 7.0
    """For the application to shut down after the last connection ended: 5 s for its store to settle what is left, and
    some for taking leave of everybody."""
    handshake: float = 10.0
    """For the TLS handshake."""
    first_request: float = 10.0
    """From a connection's start to its first whole request head."""
    keep_alive: float = 75.0
    """For an idle connection; above the 60 s of common load balancers and the 5 s of common clients, whose requests
    would otherwise meet a connection that is just being closed."""
    max_connections: int = 10_000
    """More wait in the backlog."""
    send_buffer: int | None = 40 * 1024
    """SO_SNDBUF: the part of a stream's memory that lies in the kernel, which doubles it for what it needs itself. That is
    what one read of a provider brings, and about 0.6 MB/s to a client that is 100 ms away."""
    max_head: int = 64 * 1024
    """Size of a request head; larger ones get 431. Not below what one read brings: smaller limits would hold or not
    hold by how the head was cut into packets."""
    max_fields: int = 200
    """Fields of a request head; more get 431. On the lean edge."""
    body_idle: float = BODY_IDLE
    """Without a byte of a request body that is waited for; then 408. On the lean edge."""
    body_whole: float = BODY_WHOLE
    """For the whole body. On the lean edge."""
    certfile: str | None = None
    keyfile: str | None = None

    @property
    def drain_time(self) -> float:
        """The longest that a worker takes from the signal to its exit."""
        return self.grace + self.settle_margin + self.settling + self.shutdown


def hypercorn_config(settings: EdgeSettings) -> Config:
    """hypercorn's configuration: what it does not say is ours to do (limits, deadlines, logs of requests)."""
    config = Config()
    config.errorlog = logging.getLogger("hyperinfer.hypercorn")
    config.accesslog = None
    config.include_server_header = False
    config.keep_alive_timeout = settings.keep_alive
    config.ssl_handshake_timeout = settings.handshake
    config.h11_max_incomplete_size = settings.max_head
    config.h2_max_header_list_size = settings.max_head
    # The end that hypercorn gives an HTTP/2 connection past this count cuts the streams that are still running on it.
    config.keep_alive_max_requests = sys.maxsize
    # read_timeout stays unset: it would also cut a long response whose client is silent, as all are.
    config.certfile = settings.certfile
    config.keyfile = settings.keyfile
    return config
