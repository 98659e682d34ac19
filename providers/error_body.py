"""Undoes the shape of an upstream's error: object, string, list, `detail`, event of a stream, plain text, HTML.

Servers agree on little more than JSON. What can be found in any of the shapes that were recorded or are documented ends
up in one record; what it means is decided in `status.py`.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeGuard

import msgspec

_DEPTH: Final = 6
"""Levels of `error`, `errors`, `detail`, `response` that are followed."""


class ErrorFields(NamedTuple):
    """What an error says about itself. Absent texts are None; `message` may be empty.

    `words`: its types and codes in lower case, the most specific first. `status`: an HTTP status written in the body.
    `text`: everything it says, for matching. `found`: whether it looks like an error at all.
    """

    message: str = ""
    words: tuple[str, ...] = ()
    status: int | None = None
    param: str | None = None
    type: str | None = None
    code: str | None = None
    text: str = ""
    found: bool = False


def is_html(body: bytes, content_type: str) -> bool:
    """Whether the body is a page for people: a proxy's, not an API's."""
    start = body[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return content_type.lower().startswith("text/html") or start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml"))


def read_error(body: bytes) -> ErrorFields:
    """The error in a response body. A body that is not JSON is its own message; an empty one is not `found`."""
    text = body.decode("utf-8-sig", "replace").strip()
    # Some servers answer a streamed request with an error status and an event stream.
    if text.startswith(("data:", "event:", ":")):
        lines = [line.removeprefix("data:").strip() for line in text.splitlines() if line.startswith("data:")]
        text = lines[0] if lines else ""
    try:
        value = msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, RecursionError):
        return ErrorFields(message=text, text=text)
    return error_fields(value)


def error_fields(value: object) -> ErrorFields:
    """The error in a decoded JSON value: a body, an `error` object, or an error event of any of the protocols."""
    return _fields(value, _DEPTH)


def _fields(value: object, depth: int) -> ErrorFields:
    if _is_list(value) and value and depth:
        return _fields(value[0], depth - 1)
    if isinstance(value, str):
        return ErrorFields(message=value, text=value, found=bool(value))
    if not _is_object(value):
        return ErrorFields()
    outer = _own_fields(value)
    for name in ("error", "errors", "detail", "response"):
        inner = value.get(name)
        if (
            inner
            and depth
            and (isinstance(inner, str) or _is_object(inner) or _is_list(inner))
            and not (name == "detail" and outer.message)
        ):
            return _join(_fields(inner, depth - 1), outer)
    return outer


def _join(inner: ErrorFields, outer: ErrorFields) -> ErrorFields:
    """The inner error is the specific one; the envelope adds what it lacks (xAI: the code stands beside the text)."""
    return ErrorFields(
        message=inner.message or outer.message,
        words=inner.words + outer.words,
        status=inner.status or outer.status,
        param=inner.param or outer.param,
        type=inner.type or outer.type,
        code=inner.code or outer.code,
        text=f"{inner.text} {outer.text}".strip(),
        found=inner.found,
    )


def _own_fields(error: Mapping[str, object]) -> ErrorFields:
    message = next((v for k in _MESSAGE_NAMES if isinstance(v := error.get(k), str) and v), "")
    code, kind = _text(error.get("code")), _text(error.get("type"))
    if kind in ("error", "response.failed"):  # the name of the event, not of the error
        kind = None
    words = [
        code,
        _inner_code(error.get("innererror")),
        _text(error.get("error_code")),
        kind,
        _text(error.get("status")),
    ]
    names = tuple(word.lower() for word in words if word and not word.isdigit())
    param = error.get("param")
    if not isinstance(param, str):
        param = _location(error.get("loc"))
    status = next((s for k in _STATUS_NAMES if (s := _status(error.get(k)))), None)
    found = bool(message or names or status) and not error.keys() & _SUCCESS_NAMES
    return ErrorFields(
        message=message,
        words=names,
        status=status,
        param=param,
        type=kind,
        code=code,
        text=f"{message} {_raw(error.get('metadata'))}".strip(),
        found=found,
    )


_MESSAGE_NAMES: Final = ("message", "msg", "Message", "error_message", "error_description", "description", "title")
_STATUS_NAMES: Final = ("code", "status", "status_code", "statusCode", "http_status", "error_code")
_SUCCESS_NAMES: Final = {"choices", "output", "content"}
"""A whole response of each protocol has one of these; it may have `type` or `status` as errors do."""


def _is_object(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, Mapping)


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _status(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599 else None


def _inner_code(value: object) -> str | None:
    """Azure says there why it refused."""
    return _text(value.get("code")) if _is_object(value) else None


def _raw(metadata: object) -> str:
    """OpenRouter puts the words of the server behind it there."""
    raw = metadata.get("raw") if _is_object(metadata) else None
    return raw[:2000] if isinstance(raw, str) else ""


def _location(steps: object) -> str | None:
    """The path of a validation error (FastAPI, pydantic): `["body", "messages", 0]` is `messages.0`."""
    if not _is_list(steps):
        return None
    path = [str(step) for step in steps if isinstance(step, str | int)]
    return ".".join(path[1:] if path[:1] == ["body"] else path) or None
