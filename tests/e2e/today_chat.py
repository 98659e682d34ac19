"""What clients of Chat send today, and what of it upstreams get."""

from __future__ import annotations

from tests.e2e.today import CALL, CALL_CHAT, CALL_RESPONSES, GRAMMAR, LOOK_CHAT, TOLD, WRAPPED, Expected, Row, user
from tests.support.formats import CHAT

FROM_CHAT: dict[str, Row] = {
    "calls with an index": Row(
        CHAT,
        {
            "tools": [LOOK_CHAT],
            "messages": [
                user("q"),
                {
                    "role": "assistant",
                    "content": None,
                    "refusal": None,
                    "annotations": [],
                    "audio": None,
                    "function_call": None,
                    "tool_calls": [{"index": 0, **CALL_CHAT}],
                },
                {"role": "tool", "tool_call_id": "toolu_1", "content": [{"type": "text", "text": "out"}]},
            ],
        },
        {
            "chat": Expected(
                {"messages": [{}, {"tool_calls": [CALL_CHAT]}, {"content": [{"text": "out"}]}]}, absent=("annotations",)
            ),
            "responses": Expected({"input": [{}, CALL_RESPONSES, {"output": "out"}]}),
            "messages": Expected({"messages": [{}, {"content": [CALL]}, {"content": [{"content": [{"text": "out"}]}]}]}),
        },
    ),
    "cache marks in both words": Row(
        CHAT,
        {
            "messages": [
                {
                    "role": "system",
                    "content": [{"type": "text", "text": "sys", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
                },
                user([{"type": "text", "text": "hi", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "1h"}}]),
            ]
        },
        {
            "responses": Expected(
                {"input": [{"content": [{"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "1h"}}]}]}, ("messages[0]",)
            ),
            "messages": Expected(
                {
                    "system": [{"text": "sys", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
                    "messages": [{"content": [{"text": "hi", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]}],
                }
            ),
        },
    ),
    "custom tools with a grammar": Row(
        CHAT,
        {
            "messages": [user("hello")],
            "tools": [
                {
                    "type": "custom",
                    "custom": {
                        "name": "patch",
                        "description": "Patches.",
                        "format": {"type": "grammar", "grammar": GRAMMAR},
                    },
                }
            ],
        },
        {
            "responses": Expected(
                {"tools": [{"type": "custom", "name": "patch", "format": {"type": "grammar", **GRAMMAR}}]},
                absent=('"grammar": {',),
            ),
            "messages": Expected(
                {"tools": [{"name": "patch", "description": TOLD, "input_schema": WRAPPED}]}, ("tools[0].format",)
            ),
        },
    ),
    "a refusal, and a name": Row(
        CHAT,
        {"messages": [user("q"), {"role": "assistant", "content": None, "refusal": "no"}, user("r") | {"name": "bob"}]},
        {
            "responses": Expected(
                {"input": [{}, {"content": [{"type": "refusal", "refusal": "no"}]}, {}]}, ("messages[2].name",)
            ),
            "messages": Expected({"messages": [{}, {"content": "no"}, {}]}, ("messages[2].name",)),
        },
    ),
    "state of a call": Row(
        CHAT,
        {
            "tools": [LOOK_CHAT],
            "messages": [
                user("q"),
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [CALL_CHAT | {"extra_content": {"google": {"thought_signature": "STATE"}}}],
                },
                {"role": "tool", "tool_call_id": "toolu_1", "content": "x"},
            ],
        },
        {target: Expected(lost=("messages[1]",), absent=("STATE",)) for target in ("responses", "messages")},
    ),
}
