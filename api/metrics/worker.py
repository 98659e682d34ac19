"""All numbers of one worker, from the parts that count."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, get_args

from hyperinfer.api.metrics.numbers import Numbers, Told
from hyperinfer.api.metrics.process import LoopLag, tell_process
from hyperinfer.api.metrics.requests import RequestMetrics
from hyperinfer.nodes.health import State

if TYPE_CHECKING:
    from hyperinfer.api.edge.counters import EdgeCounters
    from hyperinfer.api.gateway import Gateway
    from hyperinfer.api.logs import Lines

_STATES: Final = get_args(State)


class WorkerMetrics:
    """Of one worker, for its whole life. `requests`: told of each that is over. `reloads`, `reloads_failed`: of catalogues;
    `loaded`: unix time of the one in use."""

    def __init__(self, counters: EdgeCounters, lines: Lines | None) -> None:
        self.requests = RequestMetrics()
        self.lag = LoopLag()
        self.reloads = self.reloads_failed = 0
        self.loaded = 0.0
        self._counters, self._lines = counters, lines

    def tell(self, gateway: Gateway) -> Numbers:
        """As they are now."""
        told = Told()
        self.requests.tell(told)
        self._tell_edge(told)
        tell_in_flight(told, gateway)
        tell_upstreams(told, gateway)
        tell_stores(told, gateway)
        told.histogram("hyperinfer_loop_lag_seconds", self.lag.seconds)
        told.value("hyperinfer_log_lines_dropped_total", 0 if self._lines is None else self._lines.dropped)
        told.value("hyperinfer_catalogue_reloads_total", self.reloads, "ok")
        told.value("hyperinfer_catalogue_reloads_total", self.reloads_failed, "failed")
        told.value("hyperinfer_catalogue_loaded_timestamp_seconds", self.loaded)
        tell_process(told)
        return told.numbers

    def _tell_edge(self, told: Told) -> None:
        counters = self._counters
        told.value("hyperinfer_connections_open", counters.open)
        told.value("hyperinfer_connections_total", counters.connections)
        told.value("hyperinfer_handshakes_failed_total", counters.handshakes_failed)
        told.value("hyperinfer_accept_errors_total", counters.accept_errors)
        told.value("hyperinfer_crashes_total", counters.crashes, "handler")
        told.value("hyperinfer_crashes_total", counters.connection_crashes, "connection")
        told.histogram("hyperinfer_request_queue_seconds", counters.queue)
        for status, count in counters.refused.items():
            told.value("hyperinfer_refused_before_request_total", count, str(status))
        told.value("hyperinfer_deadlines_total", counters.refused.get(408, 0), "head", "none")
        told.value("hyperinfer_deadlines_total", counters.late_writes, "write", "none")


def tell_in_flight(told: Told, gateway: Gateway) -> None:
    """Of requests that run or wait."""
    plane, drain = gateway.data_plane, gateway.drain
    told.value("hyperinfer_requests_in_flight", drain.in_flight)
    if drain.most < math.inf:
        told.value("hyperinfer_requests_in_flight_limit", drain.most)
    told.value("hyperinfer_requests_waiting", len(plane.waiting_room.waiting))
    told.value("hyperinfer_request_bodies_bytes", plane.body_room.held)
    if plane.body_room.most < math.inf:
        told.value("hyperinfer_request_bodies_limit_bytes", plane.body_room.most)
    told.value("hyperinfer_request_bodies_waiting", plane.body_room.waiting)
    if plane.recorder is not None:
        recorder = plane.recorder
        told.value("hyperinfer_recordings_total", recorder.recorded - recorder.truncated, "whole")
        told.value("hyperinfer_recordings_total", recorder.truncated, "truncated")
        told.value("hyperinfer_recordings_total", recorder.missed, "missed")


def tell_upstreams(told: Told, gateway: Gateway) -> None:
    """Of providers, their routes, tools, and the channels behind them."""
    measures = gateway.parts.measures
    whole = gateway.data_plane.metrics.whole
    for provider in {**measures.providers, **whole}:
        times = measures.of(provider)
        told.histogram("hyperinfer_upstream_connect_seconds", times.connecting, provider)
        told.histogram("hyperinfer_upstream_first_byte_seconds", times.first_byte, provider)
        told.histogram("hyperinfer_upstream_response_seconds", times.whole.plus(whole.get(provider)), provider)
    for route in gateway.health.report():
        labels = route.provider, route.model
        told.states("hyperinfer_breaker_state", labels, _STATES, route.state)
        told.value("hyperinfer_breaker_openings_total", route.openings, *labels)
    for provider, room in gateway.parts.rooms.each():
        told.value("hyperinfer_provider_places_taken", room.taken, provider)
        told.value("hyperinfer_provider_places_limit", room.limit, provider)
    told.values("hyperinfer_tool_calls_total", {key: count for key, count in measures.tools.items()})
    told.histogram("hyperinfer_stream_gap_seconds", measures.gaps)
    told.value("hyperinfer_streams_held_up", measures.held_up)
    told.value("hyperinfer_stream_waits_total", measures.waits)
    told.value("hyperinfer_stream_wait_seconds_total", measures.waited)


def tell_stores(told: Told, gateway: Gateway) -> None:
    """Of what requests are recorded in."""
    for name, well in gateway.store.checks.items():
        told.value("hyperinfer_store_up", int(well), name)
    settlement, backlog = gateway.parts.settlement, gateway.store.backlog
    told.histogram("hyperinfer_settle_seconds", settlement.seconds)
    told.value("hyperinfer_deadlines_total", settlement.late, "settle", "none")
    told.value("hyperinfer_unsettled_requests", backlog.requests)
    told.value("hyperinfer_unsettled_oldest_seconds", backlog.oldest)
    if backlog.journal is not None:
        told.value("hyperinfer_journal_bytes", backlog.journal)
