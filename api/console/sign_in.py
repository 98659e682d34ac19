"""Signing in with the token, signing out, and the gate before everything else under /console/api."""

from __future__ import annotations

import hmac
import logging
import math
import os
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
import trio
from quart import g, request

from hyperinfer import __version__
from hyperinfer.api.console.guard import API_PATH, CLIENT_HEADERS, came_by_tls, comes_from_elsewhere, is_of_api
from hyperinfer.api.console.session import LIFETIME, Session, begin, cookie_name, read, set_cookie
from hyperinfer.api.console.tries import Tries
from hyperinfer.api.control_plane.answer import answer, without_content
from hyperinfer.api.control_plane.body import json_body
from hyperinfer.api.control_plane.envelope import Refusal
from hyperinfer.api.store.console_access import kept_of, proof_of
from hyperinfer.api.values import instant
from hyperinfer.providers.secret import Secret

if TYPE_CHECKING:
    from quart import Blueprint, Response

    from hyperinfer.api.console.guard import Headers
    from hyperinfer.api.console.settings import ConsoleSettings
    from hyperinfer.api.gateway import Gateway

log = logging.getLogger("hyperinfer.console")

SESSION_PATH: Final = f"{API_PATH}/session"
_READING: Final = ("GET", "HEAD", "OPTIONS")


class SignIn(msgspec.Struct, frozen=True):
    """What signs in."""

    token: str


class SessionData(msgspec.Struct, frozen=True):
    """csrf: what X-CSRF-Token must say with every change."""

    csrf: str
    expires_at: str
    version: str = __version__


class Gate:
    """Who may use the console."""

    def __init__(self, gateway: Gateway, settings: ConsoleSettings) -> None:
        self._access, self._now = gateway.store.console, gateway.now
        self._given = None if settings.token is None else kept_of(proof_of(settings.token))
        self._tries = Tries(trio.current_time)

    async def check(self) -> None:
        """Before each request of the application: raises Refusal for those of the console's API that may not be. What is
        no route is left to be no route."""
        if not is_of_api(request.path) or request.routing_exception is not None:
            return
        if comes_from_elsewhere(_client_headers()):
            message = (
                "A page of another origin sent this. If it was the console's own page, a proxy before the gateway changes"
                " the Host header, and must pass it on as it came."
            )
            raise Refusal("other_origin", message, status=403)
        if request.path == SESSION_PATH and request.method == "POST":
            return
        session = await self._session()
        if session is None:
            raise Refusal("not_signed_in", "Sign in with the console's token.", status=401)
        if request.method not in _READING:
            sent = request.headers.get("x-csrf-token", "")
            if not hmac.compare_digest(sent.encode(), session.csrf.encode()):
                raise Refusal("wrong_csrf", "X-CSRF-Token must be what the session's `csrf` says.", status=403)
        g.console_session = session

    async def sign_in(self) -> Response:
        """A session for whoever knows the token."""
        asked = await json_body(SignIn)
        kept = await self._kept()
        address = _address()
        # From here on nothing waits, so that many tries at once are counted one by one.
        proof = proof_of(Secret(asked.token))
        right = kept is not None and hmac.compare_digest(kept_of(proof), kept)
        # Who guesses must not keep the operator out, behind one proxy or from many addresses. A token that was made here
        # is beyond guessing; one that somebody thought of may not be, so of that nothing is told.
        wait = 0.0 if right and self._given is None else self._tries.wait(address)
        if wait > 0:
            headers = {"Retry-After": str(math.ceil(wait))}
            raise Refusal("too_many_tries", "Too many wrong tries: wait a little.", status=429, headers=headers)
        if kept is None or not right:
            self._tries.failed(address)
            log.warning("%s a wrong token from %s", _request_id(), address or "an unknown address")
            hint = "None has been made yet: `hyperinfer console token` makes one."
            if kept is not None:
                hint = "It was printed at the first start, or is in HYPERINFER_CONSOLE_TOKEN;"
                hint += " `hyperinfer console token` makes another."
            raise Refusal("wrong_token", f"This is not the console's token. {hint}", param="token", status=401)
        cookie, session = begin(proof, self._now(), os.urandom)
        log.info("%s session %s signed in from %s", _request_id(), name_of(session), address or "an unknown address")
        return self._with_cookie(answer(_data(session)), kept, cookie, LIFETIME)

    async def sign_out(self) -> Response:
        """Ends the session, wherever its cookie is."""
        session = current_session()
        await self._access.sign_out(session.id, session.expires_at)
        log.info("%s session %s signed out", _request_id(), name_of(session))
        kept = await self._kept()
        response = without_content(204, {})
        return response if kept is None else self._with_cookie(response, kept, "", 0)

    async def _kept(self) -> bytes | None:
        return self._given if self._given is not None else await self._access.kept()

    async def _session(self) -> Session | None:
        kept = await self._kept()
        if kept is None:
            return None
        for secure in (True, False):
            # Others of this host or domain may have set one of the same name, which may come first.
            for cookie in request.cookies.getlist(cookie_name(kept, secure=secure)):
                session = read(cookie, kept, self._now())
                if session is not None and not await self._access.signed_out(session.id):
                    return session
        return None

    def _with_cookie(self, response: Response, kept: bytes, value: str, seconds: int) -> Response:
        secure = came_by_tls(request.scope["scheme"], _client_headers())
        header = set_cookie(cookie_name(kept, secure=secure), value, seconds, secure=secure)
        response.headers.add("Set-Cookie", header)
        return response


def session_routes(api: Blueprint, gate: Gate) -> None:
    """POST, GET and DELETE /console/api/session."""

    @api.post("/session")
    async def sign_in() -> Response:
        return await gate.sign_in()

    @api.get("/session")
    async def session() -> Response:
        return answer(_data(current_session()))

    @api.delete("/session")
    async def sign_out() -> Response:
        return await gate.sign_out()

    del sign_in, session, sign_out


def current_session() -> Session:
    """That of the request, which the gate has let in."""
    session: Session = g.console_session
    return session


def name_of(session: Session) -> str:
    """By which the log tells sessions apart; nobody can use it."""
    return session.id.hex()[:8]


def _data(session: Session) -> SessionData:
    return SessionData(session.csrf, instant(session.expires_at))


def _client_headers() -> Headers:
    """As the client sent them: quart's have another host."""
    headers: Headers = cast("dict[str, Any]", request.scope)[CLIENT_HEADERS]
    return headers


def _request_id() -> str:
    return request.headers["x-request-id"]


def _address() -> str:
    client: tuple[str, int] | None = cast("dict[str, Any]", request.scope).get("client")
    return "" if not client else client[0]
