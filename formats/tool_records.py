"""What clients of all dialects are told of the gateway's own tools, beside the blocks and items of their formats.

Ids of ours begin as those of the dialect do, and then say whose they are, which tool it was, and which call:
`srvtoolu_hi_web_search_call_1`. By that a history is known that no provider made: it never goes to one as if it were its
own (`server_history`).
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, NamedTuple

from hyperinfer.formats.ids import DistinctIds, anthropic_call_id
from hyperinfer.formats.opaque import TAG
from hyperinfer.formats.server_tools import TOOL_NAMES, ToolName, ToolOutcome, ToolRun

FIELD = "hi_tool_event"
"""The record of a run: on a Chat chunk of its own; on the block or item that says the outcome in the other dialects."""
TEXT_FIELD = "hi_text"
"""What the model read of a run, on items of Responses that have no field for it."""
SERVER_LABEL = "hyperinfer"
"""Whose tools they are, where a format asks for a name."""

_MARK = "_hi_"
_SEALED = f"{TAG}{SERVER_LABEL}."
_PICO = 1_000_000


def start_record(run: ToolRun) -> dict[str, Any]:
    """A run begins."""
    return {"type": "start", "id": run.call_id, "name": run.name, "input": run.input}


def end_record(run: ToolRun, outcome: ToolOutcome, cost: int) -> dict[str, Any]:
    """A run is over. `cost`: pico-USD."""
    return {
        "type": "end",
        "id": run.call_id,
        "name": run.name,
        "input": run.input,
        "summary": outcome.summary,
        "error": outcome.error,
        "sources": [_source(source.url, source.title, source.published) for source in outcome.sources],
        "cost_micro_usd": micro_usd(cost),
    }


def _source(url: str, title: str, published: str | None) -> dict[str, Any]:
    return {"url": url, "title": title, **({"published": published} if published else {})}


def micro_usd(pico: int) -> str:
    """Exact micro-USD, as the contract writes them: in a string."""
    sign, (whole, fraction) = "-" if pico < 0 else "", divmod(abs(pico), _PICO)
    return f"{sign}{whole}.{fraction:06d}".rstrip("0") if fraction else f"{sign}{whole}"


def our_id(prefix: str, name: ToolName, call_id: str) -> str:
    """An id of ours, of letters, digits, `_` and `-`. `prefix`: `srvtoolu`, `ws`, …"""
    return f"{prefix}{_MARK}{name}_{anthropic_call_id(call_id)}"


def distinct_ids() -> DistinctIds:
    """Ids of ours of one reply: in each round some providers count the ids of calls anew."""
    return DistinctIds(lambda given: given.replace("#", "-"))


class OurRun(NamedTuple):
    """What an id of ours says."""

    name: ToolName
    call_id: str


def run_of_id(value: object) -> OurRun | None:
    """The run that an id is of; None for one that is not ours."""
    if not isinstance(value, str):
        return None
    prefix, mark, rest = value.partition(_MARK)
    if not mark or not prefix:
        return None
    for name in TOOL_NAMES:
        call_id = rest.removeprefix(f"{name}_")
        if call_id and call_id != rest:
            return OurRun(name, call_id)
    return None


def sealed(text: str) -> str:
    """Text as the `encrypted_content` that a search result of Messages must have. It is no secret, only ours."""
    return _SEALED + base64.urlsafe_b64encode(text.encode()).decode()


def unsealed(value: object) -> str:
    """The text of such a string; empty for one that is not ours."""
    if not isinstance(value, str) or not value.startswith(_SEALED):
        return ""
    try:
        return base64.urlsafe_b64decode(value[len(_SEALED) :]).decode()
    except (binascii.Error, ValueError):
        return ""
