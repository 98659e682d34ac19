"""The ASGI application: routes on quart, with what must hold for every response around it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, cast

from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from hyperinfer.api.console.guard import CLIENT_HEADERS, guarded, is_of_api, is_of_console
from hyperinfer.api.control_plane.account import account_routes
from hyperinfer.api.control_plane.accounts import Reference
from hyperinfer.api.control_plane.admin import admin_routes
from hyperinfer.api.control_plane.answer import without_content
from hyperinfer.api.control_plane.catalogue import catalogue_routes
from hyperinfer.api.control_plane.document import document_routes
from hyperinfer.api.control_plane.envelope import Refusal, error_body, wants_anthropic
from hyperinfer.api.control_plane.generation import generation_routes
from hyperinfer.api.control_plane.health import health_routes
from hyperinfer.api.control_plane.playground_keys import playground_routes
from hyperinfer.api.control_plane.wrong_path import no_such_path
from hyperinfer.api.data_plane import MISTAKE
from hyperinfer.api.edge.exchange import ClientGone
from hyperinfer.api.explained import PAGE_HEADERS, error_page, prefers_page
from hyperinfer.api.log_formats import REQUEST
from hyperinfer.api.store.errors import Refused, StoreUnavailable
from hyperinfer.formats.errors import RequestError

if TYPE_CHECKING:
    from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable
    from hypercorn.typing import Scope as HypercornScope

    from hyperinfer.api.edge.asgi import AsgiApp, Message, Receive, Scope, Send
    from hyperinfer.api.gateway import Gateway

log = logging.getLogger("hyperinfer.control_plane")

BODY_LIMIT = 1024 * 1024
"""Bytes of a request body on these routes."""

BODY_TIMEOUT = 30.0
"""Seconds in which a request body has to come."""


def control_plane(gateway: Gateway) -> AsgiApp:
    """The application for one gateway. It takes `http` scopes alone: the lifespan is the gateway's own."""
    return ControlPlane(gateway)


class ControlPlane:
    """Gives each request its id and its error, whatever quart makes of it.

    Raises nothing but ClientGone (and Cancelled).
    """

    def __init__(self, gateway: Gateway) -> None:
        self._ids, self._console = gateway.ids, gateway.console is not None
        self._quart = _routes(gateway)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = _Identified(scope, self._ids.next(), send, of_console=self._console and is_of_console(scope["path"]))
        REQUEST.set(exchange.request_id)
        inner = cast(
            "HypercornScope",
            {**scope, "headers": _headers(scope, exchange.request_id), CLIENT_HEADERS: scope["headers"]},
        )
        try:
            # `OPTIONS *`, of which quart would make a URL; and more slashes, which it would pass over.
            if not scope["path"].startswith("/") or scope["path"].startswith("//"):
                await exchange.refuse(404, "invalid_request", no_such_path(scope["path"]))
                return
            await self._quart(inner, cast("ASGIReceiveCallable", receive), cast("ASGISendCallable", exchange.send))
        except* ClientGone:
            raise
        except* Exception:
            log.exception("%s crashed: %s %s", exchange.request_id, scope["method"], scope["path"])
            if not exchange.started:
                await exchange.refuse(500, "internal_error", MISTAKE)
        finally:
            REQUEST.set("")  # the connection's task goes on, with what is no part of this request


def _headers(scope: Scope, request_id: str) -> list[tuple[bytes, bytes]]:
    """What the routes see: our request id in the place of the client's, and no host of the client's, which no route
    depends on and which werkzeug stumbles over when it is malformed."""
    headers = [(name, value) for name, value in scope["headers"] if name not in (b"host", b"x-request-id")]
    return [*headers, (b"host", b"localhost"), (b"x-request-id", request_id.encode())]


class _Identified:
    """A request and its id. `send` puts the id on the response, under each name that the client's SDK looks for."""

    def __init__(self, scope: Scope, request_id: str, send: Send, *, of_console: bool) -> None:
        self.request_id = request_id
        self.started = False
        self._send, self._of_console = send, of_console
        version = any(name == b"anthropic-version" for name, _ in scope["headers"])
        self._anthropic = wants_anthropic(scope["path"], version)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            value = self.request_id.encode()
            headers = [*message.get("headers", ()), (b"x-request-id", value)]
            if self._anthropic:
                headers.append((b"request-id", value))
            if self._of_console:
                headers = guarded(headers)
            message = {**message, "headers": headers}
        await self._send(message)

    async def refuse(self, status: int, code: str, message: str) -> None:
        """A whole error response."""
        body = error_body(Refusal(code, message, status=status), self.request_id, anthropic=self._anthropic)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})


def _routes(gateway: Gateway) -> QuartTrio:
    app = QuartTrio("hyperinfer.api.control_plane", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    app.config["BODY_TIMEOUT"] = BODY_TIMEOUT
    app.config["RESPONSE_TIMEOUT"] = None  # the edge has a write deadline
    app.config["PROPAGATE_EXCEPTIONS"] = True  # no error page; ControlPlane answers
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False  # it would redirect
    app.url_map.converters["reference"] = Reference
    for register in (
        health_routes,
        catalogue_routes,
        generation_routes,
        account_routes,
        admin_routes,
        playground_routes,
        document_routes,
    ):
        register(app, gateway)
    if gateway.console is not None:
        from hyperinfer.api.console.routes import console_routes

        console_routes(app, gateway, gateway.console)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(RequestError, _request_error)
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(Refused, _not_as_asked)
    app.register_error_handler(StoreUnavailable, _unavailable)
    return app


async def _refused(refusal: Refusal) -> Response:
    request_id = request.headers["x-request-id"]
    if prefers_page(request.headers.get("accept", "")) and not is_of_api(request.path):  # a person, who opened an address
        page = error_page(refusal.code, refusal.http_status, refusal.message, request_id)
        return Response(page, refusal.http_status, {**PAGE_HEADERS, **refusal.headers})
    anthropic = wants_anthropic(request.path, "anthropic-version" in request.headers)
    body = error_body(refusal, request_id, anthropic=anthropic)
    return Response(body, refusal.http_status, refusal.headers, content_type="application/json")


async def _not_as_asked(refused: Refused) -> Response:
    """What a store refuses; `details.refused` says in one word why."""
    status = 404 if refused.code == "not_found" else 400
    details = {"refused": refused.code}
    return await _refused(Refusal("invalid_request", refused.message, status=status, details=details))


async def _unavailable(error: StoreUnavailable) -> Response:
    log.warning("%s: %s", request.headers["x-request-id"], error)
    status = 503 if is_of_api(request.path) else None  # the API's own statuses are those of its contract
    message, headers = "The accounts cannot be read at the moment; try again in a second.", {"Retry-After": "1"}
    refusal = Refusal("internal_error", message, status=status, headers=headers)
    return await _refused(refusal)


async def _request_error(error: RequestError) -> Response:
    return await _refused(Refusal(error.code, error.message, param=error.param))


async def _http_error(error: HTTPException) -> Response:
    """What werkzeug refuses: no such path, another method, too large or slow a body, a malformed host."""
    match error.code:
        case 404:
            refusal = Refusal("invalid_request", no_such_path(request.path), status=404)
        case 405:
            return await _wrong_method(error)
        case 413:
            refusal = Refusal(
                "payload_too_large",
                f"The body is larger than {(request.max_content_length or BODY_LIMIT) // (1024 * 1024)} MB.",
            )
        case 408:
            refusal = Refusal("invalid_request", "The body did not come in time: send it without pauses.")
        case _:
            refusal = Refusal("invalid_request", "The request is malformed: it is no HTTP request that can be understood.")
    return await _refused(refusal)


async def _wrong_method(error: HTTPException) -> Response:
    allowed = sorted(getattr(error, "valid_methods", None) or ())
    headers = {"Allow": ", ".join([*allowed, "OPTIONS"])}
    if request.method == "OPTIONS":
        return without_content(204, headers)
    message = f"{request.method} is not possible here; use {' or '.join(allowed)}."
    return await _refused(Refusal("invalid_request", message, status=405, headers=headers))
