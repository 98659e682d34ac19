"""Successful answers: a record as JSON, and bytes that clients may keep for a while."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import msgspec
from quart import Response, request

_encode = msgspec.json.Encoder().encode


def answer(record: msgspec.Struct, status: int = 200) -> Response:
    """A record as JSON that nobody may keep."""
    return Response(_encode(record), status, {"Cache-Control": "no-store"}, content_type="application/json")


def without_content(status: int, headers: Mapping[str, str]) -> Response:
    """A response of a status that has no body (204, 304), nor headers that would describe one."""
    response = Response("", status, dict(headers))
    del response.headers["Content-Length"], response.headers["Content-Type"]
    return response


@dataclass(frozen=True)
class Cacheable:
    """A JSON document for everybody. `max_age`: seconds."""

    body: bytes
    max_age: int

    @cached_property
    def etag(self) -> str:
        """A strong validator, without its quotes."""
        return hashlib.sha256(self.body).hexdigest()[:32]

    def response(self) -> Response:
        """The document, or 304 when the request's `If-None-Match` names it."""
        headers = {"ETag": f'"{self.etag}"', "Cache-Control": f"public, max-age={self.max_age}"}
        if request.if_none_match.contains_weak(self.etag):
            return without_content(304, headers)
        return Response(self.body, 200, headers, content_type="application/json")


def cacheable(record: msgspec.Struct, max_age: int) -> Cacheable:
    """A record as a document that may be kept for `max_age` seconds."""
    return Cacheable(_encode(record), max_age)
