"""Reading JSON of others: typed where we must understand it, verbatim where we need not.

A wire record is a `msgspec.Struct` whose fields are the known ones. `read` validates a decoded JSON object against it and
names the path of what is wrong; `extras` gives the fields that it does not know, to be carried verbatim.
"""

from __future__ import annotations

import re
from typing import Any, TypeGuard, TypeVar

import msgspec

from hyperinfer.formats.errors import PeerError, RequestError
from hyperinfer.formats.json_depth import DEEPEST, deeper_than, text_deeper_than
from hyperinfer.formats.json_text import read_json

S = TypeVar("S", bound=msgspec.Struct)

_AT = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>.*)`)?$", re.DOTALL)
_TYPES = re.compile(r"`([a-z |]+)`")
_WORDS = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "a boolean",
    "array": "an array",
    "object": "an object",
}
_SHORT = 8192
_known: dict[type[msgspec.Struct], frozenset[str]] = {}


def parse_object(body: bytes, depth: int = DEEPEST) -> dict[str, Any]:
    """The JSON object of a request body. Raises `RequestError` for anything else, nesting beyond `depth` levels or beyond
    the parser included."""
    try:
        value = read_json(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if text_deeper_than(body, depth):
            raise _too_deep(depth) from None
        if isinstance(error, RecursionError):
            raise RequestError("the body is nested too deeply") from None
        raise RequestError(f"the body is not valid JSON: {error}{_remedy(body)}" if body.strip() else _EMPTY) from None
    # In a short body it is quicker to see that it has too few brackets to be that deep.
    if (len(body) > _SHORT or body.count(b"{") + body.count(b"[") > depth) and deeper_than(value, depth):
        raise _too_deep(depth)
    if not is_object(value):
        raise RequestError(f"the body must be a JSON object, not {json_type(value)}")
    return value


_EMPTY = "the body is empty: send the request in it, as JSON"


def _remedy(body: bytes) -> str:
    """What is most often wrong with a body that somebody has typed."""
    start = body[:200].strip().replace(b" ", b"")
    if start.startswith((b"{'", b"[{'")):
        return '; names and texts stand in double quotes: {"model": …}'
    if start.startswith((b"'", b'"{')):
        return "; quotes around the whole of it are part of it: your shell takes others"
    return "" if body.rstrip().endswith(b"}") else "; it ends before its last brace"


def _too_deep(depth: int) -> RequestError:
    return RequestError(f"The body is nested deeper than {depth} levels.")


def parse_reply(body: bytes) -> dict[str, Any]:
    """The JSON object of an upstream's whole response. Raises `PeerError` for anything else."""
    try:
        value = read_json(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PeerError(f"not valid JSON: {error}") from None
    return reply_object(value)


def reply_object(value: object) -> dict[str, Any]:
    """A decoded value of an upstream, which must be an object. Raises `PeerError`."""
    if not is_object(value):
        raise PeerError(f"not a JSON object but {json_type(value)}")
    return value


def read(value: object, kind: type[S], path: str = "") -> S:
    """`value` as a wire record. Raises `RequestError` with the path of the first field that has a wrong type or is
    missing."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        if "got `float`" in str(error):
            # JSON has one kind of number, and 64.0 is an integer in JSON Schema.
            try:
                return msgspec.convert(_with_integers(value), kind)
            except msgspec.ValidationError as second:
                error = second
        raise request_error(error, path) from None


def _with_integers(value: object) -> object:
    """A copy in which numbers without a fraction are integers, up to where a float is exact."""
    if is_object(value):
        return {name: _with_integers(inner) for name, inner in value.items()}
    if is_array(value):
        return [_with_integers(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53 else value


def request_error(error: msgspec.ValidationError, path: str) -> RequestError:
    """A validation error of msgspec as ours: its own path is put behind `path`."""
    match = _AT.match(str(error))
    what, inner = (match["what"], match["path"] or "") if match else (str(error), "")
    missing = re.search(r"missing required field `(.+)`", what)
    where = join(path, inner.removeprefix("$").removeprefix(".").replace("[...]", ""))
    if missing:
        where = join(where, missing[1])
        what = "this field is required"
    else:
        what = _in_json_words(what)
    return RequestError(f"{where}: {what}" if where else what, param=where or None)


def _in_json_words(what: str) -> str:
    """msgspec's "Expected `str | null`, got `int`" in the words of JSON."""
    said = _TYPES.sub(lambda match: _any_of([_WORDS.get(name, name) for name in match[1].split(" | ")]), what)
    return said[:1].lower() + said[1:]


def _any_of(words: list[str]) -> str:
    return " or ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def extras(value: dict[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any] | None:
    """The fields of `value` that `kind` does not know, verbatim; None when there are none."""
    known = _known.get(kind)
    if known is None:
        known = _known[kind] = frozenset(kind.__struct_encode_fields__)
    if known.issuperset(value):
        return None
    return {key: item for key, item in value.items() if key not in known}


def join(path: str, inner: str) -> str:
    """`messages[0]` and `content` make `messages[0].content`; `messages` and `[0]` make `messages[0]`."""
    if not path or not inner:
        return path or inner
    return path + inner if inner.startswith("[") else f"{path}.{inner}"


def json_type(value: object) -> str:
    """The JSON name of a decoded value's type, for messages."""
    names: dict[type[object], str] = {
        dict: "an object",
        list: "an array",
        str: "a string",
        bool: "a boolean",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), "null")


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a decoded value is a JSON object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Whether a decoded value is a JSON array."""
    return isinstance(value, list)
