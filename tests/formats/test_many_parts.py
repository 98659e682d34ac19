"""A request of very many parts is read and written in linear time: it holds up everybody else's."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from hyperinfer.formats import FORMATS, Target
from hyperinfer.formats.opaque import DEFAULT_VENDOR
from tests.support.recordings import DIALECTS

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

MANY = 10_000
TEXTS = [{"type": "text", "text": "x"}] * MANY
SAID = {"role": "user", "content": "x"}
IDS = [f"c{number}" for number in range(MANY)]


def bodies() -> dict[str, tuple[Dialect, dict[str, Any]]]:
    calls = [{"id": each, "type": "function", "function": {"name": "f", "arguments": "{}"}} for each in IDS]
    results = [{"role": "tool", "tool_call_id": each, "content": "y"} for each in IDS]
    uses: list[dict[str, Any]] = [{"type": "tool_use", "id": each, "name": "f", "input": {}} for each in IDS]
    used = [{"type": "tool_result", "tool_use_id": each, "content": "y"} for each in IDS]
    items = [{"type": "function_call", "call_id": each, "name": "f", "arguments": "{}"} for each in IDS]
    outputs = [{"type": "function_call_output", "call_id": each, "output": "y"} for each in IDS]
    chat: Dialect = "openai_chat"
    messages: Dialect = "anthropic_messages"
    responses: Dialect = "openai_responses"
    return {
        "texts of Chat": (chat, {"messages": [{"role": "user", "content": TEXTS}]}),
        "texts of a Chat system": (chat, {"messages": [{"role": "system", "content": TEXTS}, SAID]}),
        "an answer of Chat": (chat, {"messages": [SAID, {"role": "assistant", "content": TEXTS}, SAID]}),
        "calls of Chat": (chat, {"messages": [SAID, {"role": "assistant", "tool_calls": calls}, *results]}),
        "texts of Messages": (messages, {"messages": [{"role": "user", "content": TEXTS}]}),
        "calls of Messages": (
            messages,
            {"messages": [SAID, {"role": "assistant", "content": uses}, {"role": "user", "content": used}]},
        ),
        "texts of Responses": (
            responses,
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": "x"}] * MANY}]},
        ),
        "calls of Responses": (responses, {"input": [SAID, *items, *outputs]}),
    }


@pytest.mark.parametrize("case", bodies())
def test_many_parts(case: str) -> None:
    client, body = bodies()[case]
    data = json.dumps({"model": "m", "max_tokens": 10, **body}).encode()
    conversation = FORMATS[client].decode_request(data)
    for upstream in DIALECTS:
        target = Target(dialect=upstream, model="m", vendor=DEFAULT_VENDOR[upstream], streamed=False, max_output_tokens=100)
        began = time.perf_counter()
        FORMATS[upstream].encode_request(conversation, target)
        assert time.perf_counter() - began < 3.0, upstream
