"""The application that a worker serves: the data plane, the control plane and their common lifespan."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import trio

from hyperinfer.api.cli.output import Output
from hyperinfer.api.data_plane import COUNTS, MISTAKE, ROUTES
from hyperinfer.api.edge.asgi import Reply
from hyperinfer.api.edge.counters import EdgeCounters
from hyperinfer.api.edge.dispatch import Dispatch, Handler
from hyperinfer.api.edge.lifespan import StartupFailed
from hyperinfer.api.edge.refusals import Refusal, words_of
from hyperinfer.api.first_start import first_start
from hyperinfer.api.gateway import Gateway, GatewaySettings, open_gateway
from hyperinfer.api.hosted import Hosted
from hyperinfer.api.ids import RequestIds
from hyperinfer.api.logs import Lines, configure_logging
from hyperinfer.api.metrics.route import PATH, metrics_route
from hyperinfer.api.metrics.siblings import Siblings
from hyperinfer.api.metrics.worker import WorkerMetrics
from hyperinfer.api.recording.settings import RecordSettings
from hyperinfer.api.request_line import says_into, says_lines
from hyperinfer.api.store.errors import FolderInUse, Refused, StoreUnavailable
from hyperinfer.api.store.folder import FolderLock
from hyperinfer.api.tracing.settings import TracingSettingError
from hyperinfer.engine import Drain
from hyperinfer.formats import FORMATS
from hyperinfer.formats.errors import ErrorReport
from hyperinfer.providers.catalogue import CatalogueErrors
from hyperinfer.providers.proxies import ProxySettingError

if TYPE_CHECKING:
    from hyperinfer.api.edge.asgi import AsgiApp, Receive, Scope, Send
    from hyperinfer.api.log_formats import LogFormat
    from hyperinfer.formats.codec import Format

log = logging.getLogger("hyperinfer.edge")

MetricsFor: TypeAlias = Literal["token", "open", "off"]
"""Who reads /metrics: who has the token, anybody, nobody."""


class Application:
    """An ASGI application. The gateway exists between the two ends of the lifespan."""

    def __init__(
        self,
        settings: GatewaySettings,
        output: Output | None = None,
        lines: Lines | None = None,
        *,
        metrics: MetricsFor = "off",
    ) -> None:
        self.drain = Drain()
        self.counters, self.siblings = EdgeCounters(), Siblings()
        self._metrics = WorkerMetrics(self.counters, lines)
        self._metrics_for: MetricsFor = metrics
        self._metrics_route: Handler | None = None
        self.greeting: str | None = None
        self._output = output or Output(sys.stdout, sys.stderr, json=False)
        self._settings, self._lines = settings, lines
        self._say = says_lines() if lines is None else says_into(lines)
        self._gateway: Gateway | None = None
        self._control_plane: AsgiApp | None = None
        self._dispatch = Dispatch(self.handler, self._control, lifespan=self._lifespan)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._dispatch(scope, receive, send)

    @property
    def gateway(self) -> Gateway:
        """The gateway. Raises RuntimeError outside the lifespan."""
        if self._gateway is None:
            raise RuntimeError("the application has not started")
        return self._gateway

    async def reload(self, given: Mapping[str, object]) -> None:
        """Goes on with another catalogue, the text of which is in `given`."""
        gateway, metrics = self.gateway, self._metrics
        try:
            await gateway.use(str(given["catalogue"]))
        except BaseException:
            metrics.reloads_failed += 1
            raise
        metrics.reloads += 1
        metrics.loaded = gateway.now()

    def handler(self, path: str) -> Handler | None:
        """The handler of a path of the data plane, and of metrics; edges may call it without ASGI."""
        return self._metrics_route if path == PATH else self.gateway.data_plane.route(path)

    async def _control(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._control_plane is None:
            # quart costs 17 MB and a quarter of a second: loaded when the first such request comes.
            from hyperinfer.api.control_plane import control_plane

            self._control_plane = control_plane(self.gateway)
        await self._control_plane(scope, receive, send)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with (
                nullcontext() if self._lines is None else self._lines.gathered(),
                open_gateway(self._settings, self.drain, say=self._say, metrics=self._metrics.requests) as gateway,
                trio.open_nursery() as looking,
            ):
                if self._settings.servers is None:  # else whoever starts the workers does it, once for all
                    self.greeting = await first_start(
                        gateway.store,
                        self._settings.environ,
                        self._output,
                        now=gateway.now(),
                        console=self._settings.console,
                    )
                self._gateway = gateway
                self._open_metrics(gateway)
                looking.start_soon(self._metrics.lag.look)
                await send({"type": "lifespan.startup.complete"})
                await receive()
                looking.cancel_scope.cancel()
        except* (
            CatalogueErrors,
            FolderInUse,
            StoreUnavailable,
            Refused,
            ProxySettingError,
            TracingSettingError,
            OSError,
        ) as group:
            raise StartupFailed(_first(group)) from None
        finally:
            self._gateway = None
        await send({"type": "lifespan.shutdown.complete"})

    def _open_metrics(self, gateway: Gateway) -> None:
        self._metrics.loaded = gateway.now()
        self.siblings.numbers = lambda: self._metrics.tell(gateway)
        if self._metrics_for != "off":
            self._metrics_route = metrics_route(
                self.siblings,
                token=self._settings.metrics_token,
                open_to_all=self._metrics_for == "open",
                new_id=gateway.ids.next,
            )


def _first(group: BaseExceptionGroup[Exception]) -> str:
    """The words of the first exception in a group of groups."""
    leaves = [group.exceptions[0]]
    while isinstance(leaf := leaves[-1], BaseExceptionGroup):
        leaves.append(leaf.exceptions[0])
    return str(leaves[-1])


def build(app: Mapping[str, object]) -> Hosted:
    """What the worker calls. `app`: `config` (a path or None), `catalogue` (its text, or None to read it), `data` (a path),
    `lock` (the descriptor of its lock, or None to take it), `outage` (one of OUTAGES), `json` (whether events are JSON),
    `record` (the fields of RecordSettings, or None), `console` (whether it is served), `tls` (whether clients come by it),
    `log_format`, `log_level` and `metrics` (as the flags have them)."""
    config, data, lock, catalogue = app.get("config"), app.get("data"), app.get("lock"), app.get("catalogue")
    settings = GatewaySettings(
        config=Path(str(config)) if config else None,
        catalogue=None if catalogue is None else str(catalogue),
        data=Path(str(data or "data")),
        environ=os.environ,
        lock=FolderLock.adopt(lock) if isinstance(lock, int) else None,
        refuse_without_postgres=app.get("outage") == "refuse",
        record=RecordSettings.heard(app.get("record")),
        console=app.get("console") is not False,
        tls=app.get("tls") is True,
    )
    log_as = cast("LogFormat", app.get("log_format", "text"))
    lines = configure_logging(str(app.get("log_level", "info")).upper(), log_as)
    output = Output(sys.stdout, sys.stderr, json=app.get("json") is True)
    application = Application(settings, output, lines, metrics=cast("MetricsFor", app.get("metrics", "token")))
    return Hosted(
        app=application,
        drain=application.drain,
        reload=application.reload,
        in_flight=lambda: application.drain.in_flight,
        greeting=lambda: application.greeting,
        crash_reply=partial(_crash_reply, RequestIds(time.time, os.urandom)),
        refuse=partial(_refuse, RequestIds(time.time, os.urandom), application.counters.refused),
        counters=application.counters,
        siblings=application.siblings,
    )


def _refuse(ids: RequestIds, refused: dict[int, int], status: int, path: str) -> Refusal:
    """What never was a request, in the format of its path where that is known."""
    refused[status] = refused.get(status, 0) + 1
    format = _format_of(path)
    report = ErrorReport("invalid_request", words_of(status), ids.next(), status=status)
    log.info("%s was refused before it was a request: %d", report.request_id, status)
    return Refusal(_headers(format, report), format.encode_error(report))


def _format_of(path: str) -> Format:
    return (ROUTES | COUNTS).get(path, FORMATS["openai_chat"])


def _headers(format: Format, report: ErrorReport) -> list[tuple[bytes, bytes]]:
    value = report.request_id.encode()
    headers = [(b"content-type", b"application/json"), (b"x-request-id", value)]
    # The name that Anthropic's SDKs look for.
    return [*headers, (b"request-id", value)] if format.dialect == "anthropic_messages" else headers


def _crash_reply(ids: RequestIds, scope: Scope) -> Reply:
    """The last resort, for a request whose handler threw: the native envelope of the path, with a request id."""
    format = _format_of(scope["path"])
    report = ErrorReport("internal_error", MISTAKE, ids.next())
    body = format.encode_error(report)
    headers = [*_headers(format, report), (b"content-length", str(len(body)).encode())]
    return Reply(report.http_status, headers, body)
