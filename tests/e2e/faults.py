"""What upstreams do wrong, each with what the client must be told (RULES: Errors)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.faulty_upstream import Call, End, Play
from tests.support.wire_replies import frame

STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
CHUNKED = STREAM + b"transfer-encoding: chunked\r\n\r\n"
HTML = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>nginx at 10.1.2.3</body></html>"
ENDLESS = b"x" * 65536


@dataclass(frozen=True)
class Fault:
    """`attempts`: requests that the upstream must see; None: retrying is left open. `retry_after`: the header that the
    client gets; "" for none. `secret`: texts that the client must not see. `timeouts`: of the provider. `deadline`: what
    the client is told of a streamed reply that was too late; of a whole one it is told that there was no answer."""

    play: Play
    code: str
    attempts: int | None
    retry_after: str | None = None
    secret: Sequence[str] = ()
    timeouts: dict[str, float] = field(default_factory=dict[str, float])
    says: str = ""
    deadline: str = ""


def response(status: int, body: bytes, *fields: str, media: str = "application/json") -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", f"content-type: {media}", f"content-length: {len(body)}", *fields]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def bytes_of(*steps: bytes | End) -> Play:
    """The same for everybody."""
    return lambda call: steps


def error(status: int, code: Any, message: str, kind: str = "some_error", *fields: str) -> Play:
    """An error response in the envelope of the protocol."""

    def play(call: Call) -> Sequence[bytes | End]:
        return (response(status, json.dumps(error_document(call.protocol, code, message, kind)).encode(), *fields),)

    return play


def error_document(protocol: str, code: Any, message: str, kind: str) -> dict[str, Any]:
    if protocol == "messages":
        native = {"type": kind, "message": message, **({"code": code} if isinstance(code, int) else {})}
        return {"type": "error", "error": native, "request_id": "req_1"}
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def body_of(call: Call) -> bytes:
    return call.reply.stream if call.streamed else call.reply.whole


def with_body(*fields: str, change: Callable[[bytes], bytes] = bytes, length: int = 0) -> Play:
    """A good reply with other header fields, its bytes changed, or a length that is off by `length`."""

    def play(call: Call) -> Sequence[bytes | End]:
        body = change(body_of(call))
        media = "text/event-stream" if call.streamed else "application/json"
        lines = ["HTTP/1.1 200 OK", f"content-type: {media}", f"content-length: {len(body) + length}", *fields]
        return ("\r\n".join([*lines, "", ""]).encode() + body, End.CLOSE)

    return play


def early_end(call: Call) -> Sequence[bytes | End]:
    """Within the body, before any output."""
    if call.streamed:
        return (CHUNKED + chunk(call.reply.opening[0][:-9]), End.CLOSE)
    return (response(200, call.reply.whole)[:-20], End.CLOSE)


def error_inside(code: Any, message: str, kind: str) -> Play:
    """An error where the reply should be: as the first frame of a stream, or as the body under a 200."""

    def play(call: Call) -> Sequence[bytes | End]:
        if call.protocol == "responses":
            opening = call.reply.opening[0]
            failed = json.loads(opening.partition(b"data: ")[2])
            failed["type"], failed["sequence_number"] = "response.failed", 1
            failed["response"] |= {"status": "failed", "error": {"code": code, "message": message}}
            if not call.streamed:
                return (response(200, json.dumps(failed["response"]).encode()),)
            return (CHUNKED + chunk(opening) + chunk(frame(failed)) + b"0\r\n\r\n",)
        document = error_document(call.protocol, code, message, kind)
        if not call.streamed:
            return (response(200, json.dumps(document).encode()),)
        return (CHUNKED + chunk(frame(document, named=call.protocol == "messages")) + b"0\r\n\r\n",)

    return play


_QUICK = {"first_token": 0.6, "whole": 0.6}
_NO_OUTPUT = "no output within 0.6 s"
_TOO_LONG = "took longer than 0.6 s"
_SILENT = "fell silent for 0.6 s"

BEFORE_OUTPUT: dict[str, Fault] = {
    # The connection
    "eof": Fault(bytes_of(End.CLOSE), "provider_unavailable", 3),
    "reset": Fault(bytes_of(End.RESET), "provider_unavailable", 3),
    "eof-in-head": Fault(bytes_of(b"HTTP/1.1 200 OK\r\ncontent-ty", End.CLOSE), "provider_unavailable", 3),
    "eof-after-head": Fault(bytes_of(CHUNKED, End.CLOSE), "provider_unavailable", 3),
    "eof-in-body": Fault(early_end, "provider_unavailable", 3),
    "eof-in-chunk-size": Fault(bytes_of(CHUNKED + b"1", End.CLOSE), "provider_unavailable", 3),
    "silent": Fault(bytes_of(End.HOLD), "provider_timeout", 1, timeouts=_QUICK, deadline=_NO_OUTPUT),
    "silent-after-head": Fault(bytes_of(CHUNKED, End.HOLD), "provider_timeout", 1, timeouts=_QUICK, deadline=_NO_OUTPUT),
    "trickle": Fault(
        lambda call: [CHUNKED, *[b"1\r\n \r\n"] * 3, End.HOLD],
        "provider_timeout",
        1,
        timeouts={"idle": 0.6, "whole": 0.6},
        deadline=_SILENT,
    ),
    "too-long": Fault(bytes_of(End.HOLD), "provider_timeout", 1, timeouts={"stream": 0.6, "whole": 0.6}, deadline=_TOO_LONG),
    # What is no HTTP, or no reply
    "garbage": Fault(bytes_of(b"\x00\xff\x16 garbage\r\n\r\n", End.CLOSE), "provider_unavailable", 1),
    "another-protocol": Fault(bytes_of(b"SSH-2.0-OpenSSH_9.9\r\n", End.CLOSE), "provider_unavailable", 1),
    "bad-length": Fault(
        bytes_of(STREAM + b"content-length: ten\r\n\r\n0123456789", End.CLOSE), "provider_unavailable", None
    ),
    "two-lengths": Fault(
        bytes_of(STREAM + b"content-length: 2\r\ncontent-length: 3\r\n\r\nabc", End.CLOSE), "provider_unavailable", None
    ),
    "bad-chunk": Fault(bytes_of(CHUNKED + b"zz\r\nabc\r\n", End.CLOSE), "provider_unavailable", None),
    "endless-header": Fault(bytes_of(b"HTTP/1.1 200 OK\r\nx: ", *[ENDLESS] * 200, End.HOLD), "provider_unavailable", None),
    "endless-headers": Fault(
        bytes_of(b"HTTP/1.1 200 OK\r\n", *[b"x: y\r\n" * 10_000] * 200, End.HOLD), "provider_unavailable", None
    ),
    "endless-line": Fault(bytes_of(ENDLESS, *[ENDLESS] * 200, End.HOLD), "provider_unavailable", None),
    "garbage-200": Fault(bytes_of(response(200, b"\x00\xff\x00garbage")), "provider_unavailable", None),
    "text-200": Fault(bytes_of(response(200, b"It works!", media="text/plain")), "provider_unavailable", None),
    "html-200": Fault(
        bytes_of(response(200, HTML, media="text/html")), "provider_unavailable", None, secret=("nginx", "10.1.2.3")
    ),
    "html-502": Fault(
        bytes_of(response(502, HTML, media="text/html")), "provider_unavailable", 3, secret=("nginx", "10.1.2.3")
    ),
    "nothing": Fault(bytes_of(response(200, b"")), "provider_unavailable", None),
    "nothing-204": Fault(bytes_of(b"HTTP/1.1 204 No Content\r\n\r\n"), "provider_unavailable", None),
    "null": Fault(bytes_of(response(200, b"null")), "provider_unavailable", None),
    "empty-object": Fault(bytes_of(response(200, b"{}")), "provider_unavailable", None),
    "list": Fault(bytes_of(response(200, b"[]")), "provider_unavailable", None),
    "wrong-shape": Fault(
        bytes_of(response(200, b'{"choices": 17, "output": 17, "content": 17}')), "provider_unavailable", None
    ),
    "deep": Fault(bytes_of(response(200, b'{"choices":' + b"[" * 100_000)), "provider_unavailable", None),
    "redirect": Fault(
        bytes_of(response(302, b"", "location: http://internal.test/login")),
        "provider_unavailable",
        1,
        secret=("internal.test",),
    ),
    "redirect-307": Fault(
        bytes_of(response(307, b"", "location: /elsewhere")), "provider_unavailable", 1, secret=("elsewhere",)
    ),
    "short-length": Fault(with_body(length=-40, change=lambda body: body[:90]), "provider_unavailable", None),
    "gzip-unsaid": Fault(with_body(change=gzip.compress), "provider_unavailable", None),
    "gzip-lie": Fault(with_body("content-encoding: gzip"), "provider_unavailable", None),
    "unknown-coding": Fault(with_body("content-encoding: rot13", change=lambda b: b[::-1]), "provider_unavailable", None),
    # Errors by status
    "400": Fault(error(400, None, "top_p must be below 1"), "invalid_request", 1, says="top_p must be below 1"),
    "400-context": Fault(
        error(400, "context_length_exceeded", "prompt is too long: 210000 tokens > 200000 maximum"),
        "context_length_exceeded",
        1,
    ),
    "400-filter": Fault(
        error(400, "content_filter", "The response was filtered due to the content management policy."), "content_filter", 1
    ),
    "401": Fault(
        error(401, "invalid_api_key", "Incorrect API key provided: sk-upstream-123. See https://internal.test", "auth"),
        "provider_auth",
        1,
        secret=("sk-up", "Incorrect", "internal.test"),
    ),
    "402": Fault(error(402, None, "Add credits to account 4711"), "provider_auth", 1, secret=("4711",)),
    "403": Fault(error(403, None, "Project proj_4711 has no access"), "provider_auth", 1, secret=("4711",)),
    "404-model": Fault(
        error(404, "model_not_found", "The model `upstream` does not exist", "not_found_error"), "provider_unavailable", 1
    ),
    "408": Fault(error(408, None, "Request timed out"), "provider_timeout", 3),
    "413": Fault(error(413, None, "Too large"), "payload_too_large", 1),
    "422": Fault(error(422, None, "temperature: not a number"), "invalid_request", 1),
    "429": Fault(
        error(429, "rate_limit_exceeded", "Rate limit: 3 requests a minute", "rate_limit_error", "retry-after-ms: 20"),
        "provider_rate_limit",
        3,
        says="3 requests a minute",
    ),
    "429-long": Fault(
        error(429, "rate_limit_exceeded", "Rate limit", "rate_limit_error", "retry-after: 287441"),
        "provider_rate_limit",
        1,
        retry_after="287441",
    ),
    "500": Fault(error(500, None, "Internal error"), "provider_unavailable", 3),
    "500-429": Fault(error(500, 429, "Quota exceeded, code 429", "rate_limit_error"), "provider_rate_limit", 3),
    "503": Fault(error(503, None, "Come back", "x", "retry-after: 30"), "provider_overloaded", 1, retry_after="30"),
    "504": Fault(error(504, None, "Upstream timeout"), "provider_timeout", 3),
    "529": Fault(error(529, None, "Overloaded", "overloaded_error"), "provider_overloaded", 3),
    # Errors where a reply should be
    "inside-rate": Fault(
        error_inside("rate_limit_exceeded", "Slow down", "rate_limit_error"), "provider_rate_limit", 3, says="Slow down"
    ),
    "inside-server": Fault(error_inside("server_error", "Something broke", "api_error"), "provider_unavailable", 3),
    "inside-context": Fault(
        error_inside("context_length_exceeded", "prompt is too long: 9 tokens > 8 maximum", "invalid_request_error"),
        "context_length_exceeded",
        1,
    ),
}
"""By name. Whole and streamed alike: nothing was sent to the client yet, so it gets a real status."""


def broken_off(*steps: bytes | End, code: str = "provider_unavailable", **more: Any) -> Fault:
    """After the first piece of output."""

    def play(call: Call) -> Sequence[bytes | End]:
        begun = b"".join(map(chunk, (*call.reply.opening, call.reply.output[0])))
        return (CHUNKED + begun, *steps)

    return Fault(play, code, 1, **more)


def overloaded_within(call: Call) -> Sequence[bytes | End]:
    (begun, *_) = broken_off().play(call)
    assert isinstance(begun, bytes)
    if call.protocol == "responses":
        told = {
            "type": "error",
            "sequence_number": 9,
            "code": "server_is_overloaded",
            "message": "Overloaded",
            "param": None,
        }
        return (begun + chunk(frame(told)) + b"0\r\n\r\n",)
    document = error_document(call.protocol, 529, "Overloaded", "overloaded_error")
    return (begun + chunk(frame(document, named=call.protocol == "messages")) + b"0\r\n\r\n",)


AFTER_OUTPUT: dict[str, Fault] = {
    "mid-eof": broken_off(End.CLOSE),
    "mid-end": broken_off(b"0\r\n\r\n"),
    "mid-reset": broken_off(End.RESET),
    "mid-eof-in-chunk": broken_off(b"40\r\ndata: {", End.CLOSE),
    "mid-eof-in-frame": broken_off(chunk(b'data: {"cho') + b"0\r\n\r\n"),
    "mid-bad-chunk": broken_off(b"zz\r\nabc\r\n", End.HOLD),
    "mid-garbage": broken_off(chunk(b"data: {not json}\n\n"), End.HOLD),
    "mid-bytes": broken_off(chunk(b"data: \xff\xfe\x00\n\n"), End.HOLD),
    "mid-html": broken_off(chunk(b"\n" + HTML + b"\n\n") + b"0\r\n\r\n"),
    "mid-silence": broken_off(End.HOLD, timeouts={"idle": 0.6, "whole": 0.6}, code="provider_timeout", deadline=_SILENT),
    "mid-stream-limit": broken_off(
        End.HOLD, timeouts={"stream": 0.6, "whole": 0.6}, code="provider_timeout", deadline=_TOO_LONG
    ),
    "mid-overloaded": Fault(overloaded_within, "provider_overloaded", 1, says="Overloaded"),
}
"""In the middle of a stream: told in the stream, and never repeated."""

SECOND_ROUTE = {"401": True, "403": True, "eof": True, "404-model": True, "500": True, "400": False, "mid-eof": False}
"""Faults of a model's first route, and whether its second route may then be asked."""

HARMLESS: dict[str, Play] = {
    "plain": with_body(),
    "gzip": with_body("content-encoding: gzip", change=gzip.compress),
    "byte-by-byte": lambda call: (CHUNKED + b"".join(chunk(bytes((b,))) for b in body_of(call)) + b"0\r\n\r\n",),
    "no-length": lambda call: (STREAM + b"\r\n" + body_of(call), End.CLOSE),
    "carriage-returns": with_body(change=lambda body: body.replace(b"\n", b"\r\n")),
    "comments": with_body(change=lambda body: body.replace(b"\n\n", b"\n\n: x\n\n")),
    "byte-order-mark": with_body(change=lambda body: b"\xef\xbb\xbf" + body),
    "second-time": lambda call: (response(503, b"{}"),) if call.attempt == 0 else with_body()(call),
    "third-time": lambda call: (End.CLOSE,) if call.attempt < 2 else with_body()(call),
    "early-hints": lambda call: (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n", *with_body()(call)),
}
"""Odd, and to be served all the same."""
