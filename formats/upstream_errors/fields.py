"""Undoes the shape of an upstream's error: object, string, list, `detail`, event of a stream.

Servers agree on little more than JSON. What can be found in any of the shapes that were recorded or are documented ends
up in one record; what it means is decided in `meaning.py`.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from hyperinfer.formats.wire import is_array, is_object

_DEPTH: Final = 8
"""Levels of `error`, `errors`, `detail`, `response`, `message` that are followed."""

_TEXT: Final = 4000
"""Characters of a message that are read: a server may answer with megabytes, and every pattern is tried on them."""


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


def error_fields(value: object) -> ErrorFields:
    """The error in a decoded JSON value: a body, an `error` object, or an error event of any of the protocols."""
    return _fields(value, _DEPTH)


def _fields(value: object, depth: int) -> ErrorFields:
    if is_array(value) and value and depth:
        return _fields(value[0], depth - 1)
    if isinstance(value, str):
        text = value[:_TEXT]
        return ErrorFields(message=text, text=text, found=bool(text))
    if not is_object(value):
        return ErrorFields()
    outer = _own_fields(value)
    for name in ("error", "errors", "detail", "response", "message"):
        inner = value.get(name)
        if (
            inner
            and depth
            and (is_object(inner) or is_array(inner) or (isinstance(inner, str) and name != "message"))
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
        found=inner.found or outer.found,
    )


def _own_fields(error: Mapping[str, object]) -> ErrorFields:
    message = next((v[:_TEXT] for k in _MESSAGE_NAMES if isinstance(v := error.get(k), str) and v), "")
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
    status = next((s for k in _STATUS_NAMES if (s := _status(error.get(k)))), None)
    named = error.get("param")
    path = _location(error.get("loc"))
    if path is not None:
        status = status or 422
        # An envelope without `param`, Anthropic's, would not say which field it was.
        message = f"{path}: {message}" if message else path
    found = bool(message or names or status) and not error.keys() & _SUCCESS_NAMES
    return ErrorFields(
        message=message,
        words=names,
        status=status,
        param=named if isinstance(named, str) else path,
        type=kind,
        code=code,
        text=f"{message} {_raw(error.get('metadata'))}".strip(),
        found=found,
    )


_MESSAGE_NAMES: Final = ("message", "msg", "Message", "error_message", "error_description", "description", "title")
_STATUS_NAMES: Final = ("code", "status", "status_code", "statusCode", "http_status", "error_code")
_SUCCESS_NAMES: Final = {"choices", "output", "content"}
"""A whole response of each protocol has one of these; it may have `type` or `status` as errors do."""


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
    return _text(value.get("code")) if is_object(value) else None


def _raw(metadata: object) -> str:
    """OpenRouter puts the words of the server behind it there."""
    raw = metadata.get("raw") if is_object(metadata) else None
    return raw[:_TEXT] if isinstance(raw, str) else ""


def _location(steps: object) -> str | None:
    """The path of a validation error (FastAPI, pydantic): `["body", "messages", 0]` is `messages.0`."""
    if not is_array(steps):
        return None
    path = [str(step) for step in steps if isinstance(step, str | int)]
    return ".".join(path[1:] if path[:1] == ["body"] else path) or None
