"""The body of a request of these routes."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from quart import request

from hyperinfer.api.control_plane.envelope import Refusal
from hyperinfer.api.media_type import is_json
from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.wire import request_error

T = TypeVar("T", bound=msgspec.Struct)


async def json_body(kind: type[T]) -> T:
    """The body as a record, its amounts exact. Raises Refusal and RequestError."""
    if not is_json(request.headers.get("content-type", "")):
        raise Refusal("invalid_request", "The body must be JSON, with the header Content-Type: application/json.")
    body = await request.get_data(cache=False, as_text=False, parse_form_data=False)
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise request_error(error, "") from None
    except RecursionError:
        raise RequestError("the body is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"the body is not valid JSON: {error}") from None
