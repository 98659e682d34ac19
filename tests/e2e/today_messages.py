"""What clients of Messages send today, and what of it upstreams get."""

from __future__ import annotations

from tests.e2e.today import (
    CALL,
    CALL_CHAT,
    CALL_RESPONSES,
    EPHEMERAL,
    HOUR,
    LOOK,
    PNG,
    Expected,
    Row,
    assistant,
    result,
    said,
    user,
)
from tests.support.formats import MESSAGES

FROM_MESSAGES: dict[str, Row] = {
    "cache marks with ttl and scope": Row(
        MESSAGES,
        {
            **said(
                user([{"type": "text", "text": "hello", "cache_control": EPHEMERAL}]),
                assistant(CALL | {"cache_control": EPHEMERAL}),
                user([result(content="ok", cache_control=HOUR)]),
            ),
            "system": [{"type": "text", "text": "sys", "cache_control": HOUR}],
            "tools": [LOOK | {"cache_control": HOUR}],
        },
        {
            target: Expected(lost=("system[0].cache_control", "messages[0]", "messages[1]", "messages[2]", "tools[0]"))
            for target in ("chat", "responses")
        },
    ),
    "system turns in the middle": Row(
        MESSAGES,
        {
            **said(
                user("one"), {"role": "system", "content": "mid"}, assistant({"type": "text", "text": "two"}), user("three")
            ),
            "system": "top",
        },
        {
            "chat": Expected(
                {
                    "messages": [
                        {"role": "system", "content": "top"},
                        {"role": "user", "content": "one"},
                        {"role": "system", "content": "mid"},
                        {"role": "assistant", "content": "two"},
                        {"role": "user", "content": "three"},
                    ]
                }
            ),
            "responses": Expected(
                {
                    "instructions": "top",
                    "input": [
                        {"role": "user", "content": "one"},
                        {"role": "system", "content": "mid"},
                        {"role": "assistant", "content": [{"type": "output_text", "text": "two"}]},
                        {"role": "user", "content": "three"},
                    ],
                }
            ),
        },
    ),
    "adaptive thinking and effort": Row(
        MESSAGES,
        {**said(user("hello")), "thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}},
        {
            "chat": Expected({"reasoning_effort": "xhigh"}),
            "responses": Expected({"reasoning": {"effort": "xhigh"}, "include": ["reasoning.encrypted_content"]}),
        },
    ),
    "thinking between tools": Row(
        MESSAGES,
        {**said(user("hello")), "thinking": {"type": "between_tools"}},
        {target: Expected(lost=("thinking.type",)) for target in ("chat", "responses")},
    ),
    "context management": Row(
        MESSAGES,
        {**said(user("hello")), "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}},
        {target: Expected(lost=("context_management",)) for target in ("chat", "responses")},
    ),
    "typed tools without a schema": Row(
        MESSAGES,
        {**said(user("hello")), "tools": [LOOK, {"type": "bash_20250124", "name": "bash"}]},
        {
            "chat": Expected(
                {
                    "tools": [
                        {"function": {"name": "look"}},
                        {"function": {"name": "bash", "parameters": {"properties": {"command": {"type": "string"}}}}},
                    ]
                }
            ),
            "responses": Expected(
                {
                    "tools": [
                        {"name": "look"},
                        {"type": "function", "name": "bash", "parameters": {"properties": {"command": {"type": "string"}}}},
                    ]
                }
            ),
        },
    ),
    "tools that the provider runs": Row(
        MESSAGES,
        {**said(user("hello")), "tools": [LOOK, {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]},
        {target: Expected(lost=("tools[1]",), absent=("max_uses",)) for target in ("chat", "responses")},
    ),
    "fields of tools": Row(
        MESSAGES,
        {
            **said(user("hello")),
            "tools": [
                LOOK
                | {
                    "type": "custom",
                    "input_schema": {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"},
                    "eager_input_streaming": True,
                    "defer_loading": True,
                    "input_examples": [{"q": "x"}],
                }
            ],
        },
        {target: Expected(lost=("tools[0].defer_loading", "tools[0].input_examples")) for target in ("chat", "responses")},
    ),
    "an error with an image, and a tool that was found": Row(
        MESSAGES,
        {
            **said(
                user("q"),
                assistant(CALL),
                user(
                    [
                        result(
                            is_error=True,
                            content=[
                                {"type": "text", "text": "bad"},
                                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                                {"type": "tool_reference", "tool_name": "found_tool"},
                            ],
                        )
                    ]
                ),
            ),
            "tools": [LOOK],
        },
        {
            "chat": Expected(
                {
                    "messages": [
                        {"role": "user"},
                        {"role": "assistant", "tool_calls": [CALL_CHAT]},
                        {"role": "tool", "tool_call_id": "toolu_1"},
                        {
                            "role": "user",
                            "content": [
                                {"type": "text"},
                                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                            ],
                        },
                    ]
                }
            ),
            "responses": Expected(
                {
                    "input": [
                        {"role": "user"},
                        CALL_RESPONSES,
                        {
                            "type": "function_call_output",
                            "call_id": "toolu_1",
                            "output": [
                                {"text": "Error:"},
                                {"text": "bad"},
                                {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
                                {"text": "found_tool"},
                            ],
                        },
                    ]
                }
            ),
        },
    ),
    "a result that says nothing": Row(
        MESSAGES,
        {**said(user("q"), assistant(CALL), user([result()])), "tools": [LOOK]},
        {
            "chat": Expected({"messages": [{}, {"tool_calls": [CALL_CHAT]}, {"role": "tool", "tool_call_id": "toolu_1"}]}),
            "responses": Expected({"input": [{}, CALL_RESPONSES, {"type": "function_call_output", "call_id": "toolu_1"}]}),
        },
    ),
    "what the provider's search found": Row(
        MESSAGES,
        said(
            user("q"),
            assistant(
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
                {
                    "type": "web_search_tool_result",
                    "tool_use_id": "srvtoolu_1",
                    "content": [
                        {"type": "web_search_result", "url": "https://a.test/", "title": "A", "encrypted_content": "SECRET"}
                    ],
                },
                {
                    "type": "text",
                    "text": "found",
                    "citations": [
                        {
                            "type": "web_search_result_location",
                            "url": "https://a.test/",
                            "title": "A",
                            "encrypted_index": "SECRET",
                            "cited_text": "quoted",
                        }
                    ],
                },
            ),
            user("more"),
        ),
        {
            "chat": Expected(
                {"messages": [{}, {"role": "assistant", "content": "found"}, {}]}, ("messages[1]",) * 3, ("SECRET",)
            ),
            "responses": Expected({}, ("messages[1]",) * 3, ("SECRET",)),
        },
    ),
    "signed thinking": Row(
        MESSAGES,
        {
            **said(
                user("q"),
                assistant(
                    {"type": "thinking", "thinking": "hidden thought", "signature": "SIGNED"},
                    {"type": "redacted_thinking", "data": "REDACTED"},
                    CALL,
                ),
                user([result(content="ok")]),
            ),
            "tools": [LOOK],
        },
        {
            target: Expected(lost=("messages[1]",), absent=("SIGNED", "REDACTED", "hidden thought"))
            for target in ("chat", "responses")
        },
    ),
}
