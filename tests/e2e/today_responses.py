"""What clients of Responses send today, and what of it upstreams get."""

from __future__ import annotations

from tests.e2e.today import GRAMMAR, LOOK_RESPONSES, PNG, TOLD, WRAPPED, Expected, Row
from tests.support.formats import RESPONSES

FROM_RESPONSES: dict[str, Row] = {
    "custom tools with a grammar": Row(
        RESPONSES,
        {
            "input": "hello",
            "tools": [
                {"type": "custom", "name": "patch", "description": "Patches.", "format": {"type": "grammar", **GRAMMAR}}
            ],
        },
        {
            "chat": Expected(
                {"tools": [{"function": {"name": "patch", "description": TOLD, "parameters": WRAPPED}}]},
                ("tools[0].format",),
            ),
            "messages": Expected(
                {"tools": [{"name": "patch", "description": TOLD, "input_schema": WRAPPED}]}, ("tools[0].format",)
            ),
        },
    ),
    "calls of custom tools": Row(
        RESPONSES,
        {
            "tools": [{"type": "custom", "name": "patch"}],
            "input": [
                {"role": "user", "content": "q"},
                {
                    "type": "custom_tool_call",
                    "call_id": "call_1",
                    "name": "patch",
                    "input": "*** text",
                    "status": "completed",
                },
                {"type": "custom_tool_call_output", "call_id": "call_1", "output": "done"},
            ],
        },
        {
            "chat": Expected(
                {
                    "messages": [
                        {},
                        {"tool_calls": [{"function": {"name": "patch", "arguments": '{"input":"*** text"}'}}]},
                        {"role": "tool", "tool_call_id": "call_1", "content": "done"},
                    ]
                }
            ),
            "messages": Expected(
                {
                    "messages": [
                        {},
                        {"content": [{"type": "tool_use", "name": "patch", "input": {"input": "*** text"}}]},
                        {"content": [{"type": "tool_result", "content": "done"}]},
                    ]
                }
            ),
        },
    ),
    "namespaces": Row(
        RESPONSES,
        {
            "tools": [
                {
                    "type": "namespace",
                    "name": "agents",
                    "description": "Others.",
                    "tools": [{"type": "function", "name": "close", "parameters": {"type": "object"}, "strict": False}],
                }
            ],
            "input": [
                {"role": "user", "content": "q"},
                {"type": "function_call", "call_id": "call_1", "name": "close", "namespace": "agents", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "call_1", "output": "done"},
            ],
        },
        {
            "chat": Expected(
                {
                    "tools": [{"function": {"name": "agents__close", "description": "Others."}}],
                    "messages": [{}, {"tool_calls": [{"function": {"name": "agents__close"}}]}, {}],
                }
            ),
            "messages": Expected(
                {
                    "tools": [{"name": "agents__close", "description": "Others."}],
                    "messages": [{}, {"content": [{"type": "tool_use", "name": "agents__close"}]}, {}],
                }
            ),
        },
    ),
    "hosted tools": Row(
        RESPONSES,
        {"input": "hello", "tools": [LOOK_RESPONSES, {"type": "image_generation"}, {"type": "web_search"}]},
        {
            "chat": Expected({"tools": [{"function": {"name": "look"}}]}, ("tools[1]", "tools[2]")),
            "messages": Expected({"tools": [{"name": "look"}]}, ("tools[1]", "tools[2]")),
            "responses": Expected({"tools": [{"name": "look"}]}, ("tools[1]", "tools[2]")),
        },
    ),
    "reasoning items without an id": Row(
        RESPONSES,
        {
            "tools": [LOOK_RESPONSES],
            "input": [
                {"role": "user", "content": "q"},
                {
                    "type": "reasoning",
                    "summary": [{"type": "summary_text", "text": "hidden thought"}],
                    "content": None,
                    "encrypted_content": "ENCRYPTED",
                },
                {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "call_1", "output": "done"},
            ],
        },
        {
            # The test's Chat provider is OpenAI by default, whose state this is (RULES: How the contract is read).
            "chat": Expected(
                {
                    "messages": [
                        {},
                        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "ENCRYPTED"}], "tool_calls": [{}]},
                        {},
                    ]
                }
            ),
            "messages": Expected(lost=("input[1]",), absent=("ENCRYPTED", "hidden thought")),
        },
    ),
    "reasoning without state": Row(
        RESPONSES,
        {
            "input": [
                {"role": "user", "content": "q"},
                {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": None, "status": None},
                {"role": "assistant", "content": "so", "phase": "final_answer"},
                {"role": "user", "content": "next"},
            ]
        },
        {
            "chat": Expected({"messages": [{}, {"content": "so"}, {"content": "next"}]}, ("input[2].phase",)),
            "messages": Expected({"messages": [{}, {"content": "so"}, {"content": "next"}]}, ("input[2].phase",)),
            # Nothing was thought, so nothing is lost.
            "responses": Expected({"input": [{}, {"role": "assistant", "content": "so", "phase": "final_answer"}, {}]}, ()),
        },
    ),
    "outputs that are arrays": Row(
        RESPONSES,
        {
            "tools": [LOOK_RESPONSES],
            "input": [
                {"role": "user", "content": "q"},
                {
                    "type": "function_call",
                    "id": "fc_1",
                    "status": "completed",
                    "call_id": "call_1",
                    "name": "look",
                    "arguments": "{}",
                },
                {
                    "type": "function_call_output",
                    "id": "fco_1",
                    "status": "completed",
                    "call_id": "call_1",
                    "output": [
                        {"type": "input_text", "text": "out"},
                        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
                    ],
                },
            ],
        },
        {
            "chat": Expected(
                {
                    "messages": [
                        {},
                        {"tool_calls": [{"id": "call_1"}]},
                        {"role": "tool", "tool_call_id": "call_1"},
                        {"content": [{}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]},
                    ]
                }
            ),
            "messages": Expected(
                {
                    "messages": [
                        {},
                        {"content": [{"id": "call_1"}]},
                        {
                            "content": [
                                {
                                    "tool_use_id": "call_1",
                                    "content": [{"text": "out"}, {"type": "image", "source": {"data": PNG}}],
                                }
                            ]
                        },
                    ]
                }
            ),
        },
    ),
    "items with ids and statuses": Row(
        RESPONSES,
        {
            "input": [
                {
                    "type": "message",
                    "id": "msg_9",
                    "status": "completed",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "q"}],
                },
                {
                    "type": "message",
                    "id": "msg_1",
                    "status": "completed",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "a", "annotations": [], "logprobs": []}],
                },
                {"role": "user", "content": "again"},
            ]
        },
        {
            target: Expected({"messages": [{"content": "q"}, {"content": "a"}, {"content": "again"}]})
            for target in ("chat", "messages")
        },
    ),
    "developer turns": Row(
        RESPONSES,
        {
            "instructions": "first",
            "input": [
                {"role": "developer", "content": "second"},
                {"role": "user", "content": "q"},
                {"role": "assistant", "content": "a"},
                {"role": "developer", "content": [{"type": "input_text", "text": "later"}]},
                {"role": "user", "content": "r"},
            ],
        },
        {
            "chat": Expected(
                {
                    "messages": [
                        {"role": "system", "content": "first"},
                        {"role": "developer", "content": "second"},
                        {},
                        {},
                        {"role": "developer", "content": "later"},
                        {"role": "user", "content": "r"},
                    ]
                }
            ),
            "messages": Expected(
                {
                    "system": [{"text": "first"}, {"text": "second"}],
                    "messages": [
                        {},
                        {},
                        {"role": "user", "content": [{"text": "<system>\nlater\n</system>"}, {"text": "r"}]},
                    ],
                },
                ("input[3].role",),
            ),
        },
    ),
}
