"""Every metric there is: its name, kind, labels and meaning. What is exported, docs/metrics.md and the dashboard go by this.

Label values are bounded: models and providers are those of the catalogue, everything else is one of a few words.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

from hyperinfer.nodes.measures import BETWEEN, LONG, SHORT

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]

WORKER: Final = "worker"
"""The label that every series of a worker has beside its own: the place of the worker, from 0 on, which stays where a dead
one is replaced."""


class Family(NamedTuple):
    """One metric. `labels`: beside `worker`. `bounds`: of a histogram. `machine`: of all workers together, without their
    label."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    bounds: tuple[float, ...] = ()
    machine: bool = False


def _counter(name: str, labels: tuple[str, ...], help: str, *, machine: bool = False) -> Family:
    return Family(f"hyperinfer_{name}_total", "counter", labels, help, machine=machine)


def _gauge(name: str, labels: tuple[str, ...], help: str) -> Family:
    return Family(f"hyperinfer_{name}", "gauge", labels, help)


def _seconds(name: str, labels: tuple[str, ...], bounds: tuple[float, ...], help: str) -> Family:
    return Family(f"hyperinfer_{name}_seconds", "histogram", labels, help, bounds)


_ROUTE = ("model", "provider")

SECTIONS: Final[dict[str, tuple[Family, ...]]] = {
    "Traffic": (
        _counter(
            "requests",
            ("format", "model", "provider", "streamed", "http", "outcome"),
            "Requests that are over. http: class of the status that was sent, or none. outcome: as in /generation, or"
            " refused, answered, cancelled.",
        ),
        _gauge("requests_in_flight", (), "Requests that run."),
        _gauge("requests_in_flight_limit", (), "The most that may run at once (limits.in_flight)."),
        _gauge("requests_waiting", (), "Requests that wait for a place, as many are in flight as may be."),
        _seconds(
            "request_queue",
            (),
            SHORT,
            "From when the first bytes of a request were read until its handler ran; not on the stock edge.",
        ),
        _gauge("request_bodies_bytes", (), "Bytes of large request bodies that are held."),
        _gauge("request_bodies_limit_bytes", (), "The most of them (limits.bodies_mb)."),
        _gauge("request_bodies_waiting", (), "Requests that wait until there is room for their bodies."),
        _counter("refused_before_request", ("http",), "What came and was no request, by the status that was sent."),
        _counter("losses", ("format", "provider"), "Fields of requests and replies that their way could not express."),
        _counter("tool_calls", ("tool", "outcome"), "Runs of server tools. outcome: ok, or the code of the error."),
        _counter("recordings", ("outcome",), "Requests that were to be recorded. outcome: whole, truncated or missed."),
    ),
    "Errors": (
        _counter("request_errors", ("format", "provider", "code"), "Requests that ended with an error, by its code."),
        _counter(
            "deadlines",
            ("deadline", "provider"),
            "Deadlines that ran out. Of a provider: connect, first_token, idle, stream, whole. Of a client: head, body,"
            " write. Of the store: settle.",
        ),
        _counter("clients_left", (), "Requests whose client left before their end."),
        _counter("crashes", ("where",), "Bugs that ended a request (handler) or a connection; each is in the log."),
    ),
    "Latency": (
        _seconds("request_duration", (*_ROUTE, "streamed"), LONG, "From a request's coming to the end of its answer."),
        _seconds("first_token", _ROUTE, LONG, "From a request's coming to the first output of the model; of streams."),
        _seconds(
            "output_token",
            _ROUTE,
            BETWEEN,
            "Time per output token of a stream, after its first output; one value a stream of 16 tokens or more.",
        ),
        _seconds("stream_gap", (), BETWEEN, "Between two pieces of a stream, as its client's connection took them."),
    ),
    "Tokens and money": (
        _counter(
            "tokens",
            (*_ROUTE, "kind"),
            "Tokens, each counted once. kind: prompt (neither read from nor written to a cache), cached, cache_write,"
            " completion (not reasoning), reasoning.",
        ),
        _counter("cost_usd", _ROUTE, "What requests cost, in USD."),
        _counter("unbilled_cost_usd", ("provider",), "What attempts cost whose output no client got, in USD."),
    ),
    "Upstreams": (
        _counter(
            "upstream_attempts",
            ("provider", "upstream_model", "outcome"),
            "Calls of upstreams. outcome: ok, the code of the error, or left where the client went first.",
        ),
        _counter(
            "upstream_retries",
            ("provider", "code", "kind"),
            "Attempts that were followed by another, by the error of the first. kind: retry (same route) or failover.",
        ),
        _seconds("upstream_connect", ("provider",), SHORT, "To a new connection to a provider, TLS with it."),
        _seconds("upstream_first_byte", ("provider",), LONG, "From a request for a stream to the head of the response."),
        _seconds("upstream_response", ("provider",), LONG, "From a request to the end of a reply that was complete."),
        _gauge(
            "breaker_state", ("provider", "upstream_model", "state"), "1 for the state that a route's breaker is in, else 0."
        ),
        _counter("breaker_openings", ("provider", "upstream_model"), "How often this worker opened a route's breaker."),
        _gauge("provider_places_taken", ("provider",), "Requests at a provider with a concurrency limit."),
        _gauge("provider_places_limit", ("provider",), "Its limit, for each worker."),
    ),
    "Streams and channels": (
        _gauge("streams_held_up", (), "Streams whose channel is full: their reader waits for their client right now."),
        _counter("stream_waits", (), "How often that was, by pieces of streams that had to wait."),
        _counter("stream_wait_seconds", (), "For how long that was, all together."),
    ),
    "Stores": (
        _gauge("store_up", ("store",), "1 while a store is well, as far as this worker knows: store, postgres, redis."),
        _seconds("settle", (), SHORT, "From the end of a request until its record was durable, which its client waits for."),
        _gauge("unsettled_requests", (), "Requests that have ended and are not in the database yet (the journal's depth)."),
        _gauge("unsettled_oldest_seconds", (), "For how long the oldest of them has been waiting."),
        _gauge("journal_bytes", (), "Size of this worker's journal (shared mode)."),
    ),
    "Process": (
        _gauge("worker_up", (), "1 for a worker that told its numbers, 0 for one that is dead or did not in time."),
        _counter("worker_restarts", (), "How often a worker had to be replaced."),
        _gauge("build_info", ("version", "python"), "Always 1."),
        _gauge("connections_open", (), "Connections of clients."),
        _counter("connections", (), "Connections that clients have opened."),
        _counter("handshakes_failed", (), "Connections that did not come to agree on TLS."),
        _counter("accept_errors", (), "Connections that could not be accepted."),
        _seconds("loop_lag", (), SHORT, "How late a task had its turn, looked at four times a second."),
        _counter("gc_collections", ("generation",), "Collections of Python's collector."),
        _counter("log_lines_dropped", (), "Lines of the log that nobody read in time."),
        _counter("catalogue_reloads", ("outcome",), "New catalogues. outcome: ok, or failed: this worker kept the old one."),
        _counter("catalogue_refused", (), "New catalogues that were refused for their mistakes.", machine=True),
        _gauge("catalogue_loaded_timestamp_seconds", (), "Unix time of the catalogue in use."),
        Family("process_cpu_seconds_total", "counter", (), "Time of the processor, of system and user."),
        Family("process_resident_memory_bytes", "gauge", (), "Resident memory."),
        Family("process_open_fds", "gauge", (), "Open file descriptors."),
        Family("process_max_fds", "gauge", (), "The most of them."),
        Family("process_start_time_seconds", "gauge", (), "Unix time of the start."),
    ),
}
"""By what they are about."""

FAMILIES: Final[dict[str, Family]] = {each.name: each for section in SECTIONS.values() for each in section}
"""By name."""
