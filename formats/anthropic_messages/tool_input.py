"""A tool call's arguments as the object that `tool_use.input` must be (wire facts 4.4)."""

from __future__ import annotations

from typing import Any

import msgspec

from hyperinfer.formats.wire import is_object


def tool_input(arguments: str) -> Any:
    """The input for JSON text, ready to be written. An object stays byte for byte.

    Nothing and `null` are `{}`; another value becomes `{"value": …}`, text that is no JSON `{"raw_arguments": …}`.
    """
    text = arguments.strip()
    if not text:
        return {}
    try:
        value: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return {"raw_arguments": arguments}
    if is_object(value):
        return msgspec.Raw(text.encode())
    return {} if value is None else {"value": value}
