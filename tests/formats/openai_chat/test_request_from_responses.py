"""Responses requests to a Chat upstream: what they become, and what each loses (wire facts 4)."""

from __future__ import annotations

from typing import Any

import pytest

from hyperinfer.formats import Encoded, RequestError
from hyperinfer.formats.codec import ToolAlias
from tests.support.chat_requests import encode, lost, sent


class TestResponses:
    def to_chat(self, *items: Any, **fields: Any) -> Encoded:
        options = {key: fields.pop(key) for key in ("vendor", "native_tools") if key in fields}
        return encode("openai_responses", {"input": list(items) or "u", **fields}, **options)

    def test_items_of_one_turn_become_one_message(self) -> None:
        result = self.to_chat(
            {"role": "user", "content": "u"},
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "hm"}],
                "encrypted_content": "enc",
            },
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": ""},
            {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"},
            {"role": "developer", "content": "d"},
            {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "r2"}]},
            {"type": "function_call_output", "call_id": "c1", "output": "r1"},
            instructions="i",
        )
        call = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
        assert sent(result)["messages"] == [
            {"role": "system", "content": "i"},
            {"role": "user", "content": "u"},
            {
                "role": "assistant",
                "content": "a",
                "reasoning_content": "hm",
                "reasoning_details": [{"type": "reasoning.encrypted", "data": "enc", "id": "rs_1"}],
                "tool_calls": [{"id": "c1", **call}, {"id": "c2", **call}],
            },
            {"role": "tool", "tool_call_id": "c2", "content": "r2"},
            {"role": "tool", "tool_call_id": "c1", "content": "r1"},
            {"role": "developer", "content": "d"},
        ]
        assert lost(result) == []

    def test_losses_name_the_item(self) -> None:
        result = self.to_chat(
            {"role": "user", "content": "u"},
            {"type": "reasoning", "summary": [], "encrypted_content": "hi1.anthropic.x"},
            {
                "type": "message",
                "role": "assistant",
                "phase": "commentary",
                "content": [{"type": "output_text", "text": "a"}],
            },
            {"type": "item_nobody_knows", "x": 1},
        )
        assert lost(result) == ["input[2].phase", "input[3]", "input[1]"]

    def test_an_item_that_has_no_form_leaves_no_empty_message(self) -> None:
        result = self.to_chat({"type": "configuration_update", "x": 1}, {"role": "user", "content": "u"})
        assert sent(result)["messages"] == [{"role": "user", "content": "u"}]
        assert lost(result) == ["input[0]"]

    def test_custom_tools_go_out_as_functions_and_come_back(self) -> None:
        """Faults F051, F052."""
        result = self.to_chat(
            {"role": "user", "content": "u"},
            {"type": "custom_tool_call", "call_id": "c1", "name": "patch", "input": "*** Begin"},
            {"type": "custom_tool_call_output", "call_id": "c1", "output": "ok"},
            tools=[{"type": "custom", "name": "patch", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}}],
        )
        body = sent(result)
        assert body["tools"][0]["function"]["parameters"]["required"] == ["input"]
        assert body["messages"][1]["tool_calls"][0]["function"] == {"name": "patch", "arguments": '{"input":"*** Begin"}'}
        assert result.aliases == {"patch": ToolAlias("patch", "custom")}
        assert lost(result) == ["tools[0].format"]

    def test_namespaces_are_flattened_and_put_back(self) -> None:
        """Fault F057."""
        inner = [{"type": "function", "name": name, "parameters": {"type": "object"}} for name in ("find", "x" * 64)]
        result = self.to_chat(
            {"role": "user", "content": "u"},
            {"type": "function_call", "call_id": "c1", "name": "find", "namespace": "mcp", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "r"},
            tools=[{"type": "namespace", "name": "mcp", "tools": inner}, {"type": "function", "name": "mcp__find"}],
        )
        body = sent(result)
        names = [tool["function"]["name"] for tool in body["tools"]]
        assert len(set(names)) == 3
        assert names[2] == "mcp__find"
        assert max(map(len, names)) <= 64
        assert body["messages"][1]["tool_calls"][0]["function"]["name"] == names[0]
        assert result.aliases == {
            names[0]: ToolAlias("find", "function", "mcp"),
            names[1]: ToolAlias("x" * 64, "function", "mcp"),
        }

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"max_output_tokens": 16}, {"max_tokens": 16}),
            ({"reasoning": {"effort": "minimal"}}, {"reasoning_effort": "minimal"}),
            ({"text": {"verbosity": "low"}}, {"verbosity": "low"}),
            ({"text": {"format": {"type": "text"}}}, {}),
            (
                {"text": {"format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True}}},
                {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}}},
            ),
            ({"top_logprobs": 2}, {"top_logprobs": 2, "logprobs": True}),
            (
                {"store": False, "include": ["reasoning.encrypted_content"], "prompt_cache_key": "k"},
                {"prompt_cache_key": "k"},
            ),
            ({"client_metadata": {"x": "y"}, "background": False, "truncation": "disabled"}, {}),
            (
                {"safety_identifier": "s", "metadata": {"a": "b"}, "user": "u"},
                {"safety_identifier": "s", "metadata": {"a": "b"}, "user": "u"},
            ),
            ({"service_tier": "flex"}, {"service_tier": "flex"}),
            ({"tool_choice": "auto", "tools": []}, {}),
        ],
        ids=repr,
    )
    def test_fields(self, fields: dict[str, Any], expected: dict[str, Any]) -> None:
        result = self.to_chat(**fields)
        assert {key: value for key, value in sent(result).items() if key not in ("model", "messages")} == expected
        assert lost(result) == []

    @pytest.mark.parametrize(
        ("fields", "paths"),
        [
            ({"store": True}, ["store"]),
            ({"reasoning": {"effort": "low", "summary": "auto", "mode": "pro"}}, ["reasoning.mode"]),
            ({"reasoning": {"effort": "low", "summary": "detailed"}}, ["reasoning.summary"]),
            ({"truncation": "auto", "max_tool_calls": 3}, ["truncation", "max_tool_calls"]),
            ({"tools": [{"type": "file_search", "vector_store_ids": ["v"]}]}, ["tools[0]"]),
            ({"tool_choice": "required"}, ["tool_choice"]),
        ],
        ids=repr,
    )
    def test_losses(self, fields: dict[str, Any], paths: list[str]) -> None:
        assert sorted(lost(self.to_chat(**fields))) == sorted(paths)

    def test_web_search_where_the_route_runs_it(self) -> None:
        tools = [{"type": "web_search"}]
        assert sent(self.to_chat(tools=tools, native_tools=frozenset({"web_search"})))["web_search_options"] == {}
        assert lost(self.to_chat(tools=tools)) == ["tools[0]"]

    def test_media(self) -> None:
        content = [
            {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "high"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        ]
        assert sent(self.to_chat({"role": "user", "content": content}))["messages"][0]["content"] == [
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "high"}},
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA==", "filename": "a.pdf"}},
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        ]

    def test_a_file_of_a_vendor_is_refused(self) -> None:
        with pytest.raises(RequestError) as caught:
            self.to_chat({"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]})
        assert caught.value.param == "input[0].content[0]"
