"""Messages requests to a Chat upstream: what they become, and what each loses (wire facts 4)."""

from __future__ import annotations

from typing import Any

import pytest

from hyperinfer.formats import Encoded, RequestError
from hyperinfer.formats.codec import ToolAlias
from tests.support.chat_requests import PNG, PNG_URL, WEATHER, encode, lost, sent


class TestMessages:
    def to_chat(self, *messages: Any, **fields: Any) -> Encoded:
        options = {key: fields.pop(key) for key in ("vendor", "native_tools") if key in fields}
        return encode("anthropic_messages", {"max_tokens": 9, "messages": list(messages), **fields}, **options)

    def test_texts_and_roles(self) -> None:
        result = self.to_chat(
            {"role": "user", "content": "u"},
            {"role": "assistant", "content": [{"type": "text", "text": "a"}]},
            {"role": "system", "content": [{"type": "text", "text": "later"}]},
            {"role": "user", "content": [{"type": "text", "text": "v"}, {"type": "text", "text": "w"}]},
            system=[{"type": "text", "text": "s"}, {"type": "text", "text": "t"}],
        )
        assert sent(result) == {
            "model": "up",
            "messages": [
                {"role": "system", "content": "s\n\nt"},
                {"role": "user", "content": "u"},
                {"role": "assistant", "content": "a"},
                {"role": "system", "content": "later"},
                {"role": "user", "content": [{"type": "text", "text": "v"}, {"type": "text", "text": "w"}]},
            ],
            "max_tokens": 9,
        }
        assert lost(result) == []

    @pytest.mark.parametrize("length", [64, 65])
    def test_a_user_that_openai_would_refuse_as_too_long_stays_here(self, length: int) -> None:
        result = self.to_chat({"role": "user", "content": "u"}, metadata={"user_id": "u" * length})
        assert sent(result).get("user") == ("u" * length if length == 64 else None)
        assert lost(result) == []

    def test_calls_and_results_with_images_after_all_results(self) -> None:
        """Faults F059, F066, F071, F072."""
        result = self.to_chat(
            {"role": "user", "content": "u"},
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "a"},
                    {"type": "tool_use", "id": "t1", "name": "weather", "input": {"x": 1}},
                    {"type": "tool_use", "id": "t2", "name": "weather", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "image", "source": PNG}]},
                    {"type": "tool_result", "tool_use_id": "t2", "is_error": True, "content": "boom"},
                    {"type": "text", "text": "go on"},
                ],
            },
            tools=[WEATHER],
        )
        messages = sent(result)["messages"]
        assert [message["role"] for message in messages] == ["user", "assistant", "tool", "tool", "user", "user"]
        assert [call["function"]["arguments"] for call in messages[1]["tool_calls"]] == ['{"x":1}', "{}"]
        assert [message["content"] for message in messages[2:4]] == [
            "(see the content in the next user message)",
            "Error: boom",
        ]
        assert messages[4]["content"] == [{"type": "text", "text": "Result of tool call t1:"}, PNG_URL]
        assert messages[5]["content"] == "go on"
        assert lost(result) == []

    def test_a_result_without_content(self) -> None:
        result = self.to_chat(
            {"role": "user", "content": "u"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "weather", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1"}]},
        )
        assert sent(result)["messages"][1]["content"] is None
        assert sent(result)["messages"][2] == {"role": "tool", "tool_call_id": "t1", "content": ""}

    def test_fields_of_a_call(self) -> None:
        def call(**fields: Any) -> Encoded:
            use: dict[str, Any] = {"type": "tool_use", "id": "t1", "name": "weather", "input": {}, **fields}
            return self.to_chat({"role": "user", "content": "u"}, {"role": "assistant", "content": [use]})

        assert lost(call(caller={"type": "direct"}, toolset_name=None)) == []
        assert lost(call(caller={"type": "code_execution"})) == ["messages[1].content[0].caller"]

    def test_thinking_goes_back_to_its_vendor_and_to_no_other(self) -> None:
        """Faults F075, F076."""
        assistant = {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "hi1.deepseek.sig"},
                {"type": "thinking", "thinking": "plain", "signature": ""},
                {"type": "text", "text": "a"},
            ],
        }
        ours = self.to_chat({"role": "user", "content": "u"}, assistant, vendor="deepseek")
        assert sent(ours)["messages"][1] == {
            "role": "assistant",
            "content": "a",
            "reasoning_content": "hm\n\nplain",
            "reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "sig"}],
        }
        assert lost(ours) == []
        others = self.to_chat({"role": "user", "content": "u"}, assistant)
        assert sent(others)["messages"][1] == {"role": "assistant", "content": "a", "reasoning_content": "plain"}
        assert lost(others) == ["messages[1].content[0]"]

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"thinking": {"type": "enabled", "budget_tokens": 1_024}}, {"reasoning_effort": "low"}),
            ({"thinking": {"type": "enabled", "budget_tokens": 8_192}}, {"reasoning_effort": "medium"}),
            ({"thinking": {"type": "enabled", "budget_tokens": 30_000}}, {"reasoning_effort": "high"}),
            ({"thinking": {"type": "adaptive"}}, {}),
            ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, {"reasoning_effort": "max"}),
            ({"output_config": {"effort": "xhigh"}}, {"reasoning_effort": "xhigh"}),
            ({"stop_sequences": ["a", "b"]}, {"stop": ["a", "b"]}),
            ({"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}),
            ({"metadata": {"user_id": "u1"}}, {"user": "u1"}),
            ({"service_tier": "auto"}, {}),
            ({"service_tier": "standard_only"}, {"service_tier": "default"}),
            (
                {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
                {
                    "response_format": {
                        "type": "json_schema",
                        "json_schema": {"name": "response", "schema": {"type": "object"}},
                    }
                },
            ),
            ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
        ],
        ids=repr,
    )
    def test_fields(self, fields: dict[str, Any], expected: dict[str, Any]) -> None:
        result = self.to_chat({"role": "user", "content": "u"}, **fields)
        body = sent(result)
        assert {key: value for key, value in body.items() if key not in ("model", "messages", "max_tokens")} == expected
        assert lost(result) == []

    @pytest.mark.parametrize(
        ("fields", "paths"),
        [
            ({"top_k": 3}, ["top_k"]),
            ({"stop_sequences": list("abcde")}, []),
            ({"thinking": {"type": "disabled"}}, ["thinking"]),
            ({"thinking": {"type": "enabled", "budget_tokens": 1024, "display": "omitted"}}, ["thinking.display"]),
            ({"thinking": {"type": "between_tools"}}, ["thinking.type"]),
            ({"context_management": {"edits": [{"type": "x"}]}, "container": "c"}, ["context_management", "container"]),
            ({"cache_control": {"type": "ephemeral"}}, ["cache_control"]),
            (
                {"system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]},
                ["system[0].cache_control"],
            ),
            ({"tools": [{**WEATHER, "cache_control": {"type": "ephemeral"}}]}, ["tools[0].cache_control"]),
            ({"tools": [{**WEATHER, "defer_loading": True}]}, ["tools[0].defer_loading"]),
            ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, ["tools[0]"]),
        ],
        ids=repr,
    )
    def test_losses(self, fields: dict[str, Any], paths: list[str]) -> None:
        """Faults F061, F123, F167 are about losses that nobody was told of."""
        assert lost(self.to_chat({"role": "user", "content": "u"}, **fields)) == paths

    @pytest.mark.parametrize(
        ("block", "paths"),
        [
            (
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}, "context": "c"},
                [".context"],
            ),
            (
                {"type": "document", "source": PNG | {"media_type": "application/pdf"}, "citations": {"enabled": True}},
                [".citations"],
            ),
            ({"type": "text", "text": "x", "citations": [{"type": "char_location"}]}, [".citations"]),
            ({"type": "text", "text": "x", "citations": None}, []),
            ({"type": "container_upload", "file_id": "f"}, [""]),
        ],
        ids=repr,
    )
    def test_losses_within_a_message(self, block: dict[str, Any], paths: list[str]) -> None:
        result = self.to_chat({"role": "user", "content": [{"type": "text", "text": "u"}, block]})
        assert lost(result) == [f"messages[0].content[1]{path}" for path in paths]

    def test_files(self) -> None:
        blocks = [
            {"type": "image", "source": {"type": "url", "url": "https://x/a.png"}},
            {"type": "document", "title": "a.pdf", "source": PNG | {"media_type": "application/pdf"}},
            {"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "d"}},
        ]
        assert sent(self.to_chat({"role": "user", "content": blocks}))["messages"][0]["content"] == [
            {"type": "image_url", "image_url": {"url": "https://x/a.png"}},
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA==", "filename": "a.pdf"}},
            {"type": "text", "text": "T:\nd"},
        ]

    @pytest.mark.parametrize("kind", ["image", "document"])
    def test_a_file_of_a_vendor_is_refused(self, kind: str) -> None:
        block = {"type": kind, "source": {"type": "file", "file_id": "file_1"}}
        with pytest.raises(RequestError) as caught:
            self.to_chat({"role": "user", "content": [block]})
        assert caught.value.param == "messages[0].content[0]"

    @pytest.mark.parametrize(
        ("choice", "expected"),
        [
            ({"type": "auto"}, {"tool_choice": "auto"}),
            ({"type": "any"}, {"tool_choice": "required"}),
            ({"type": "none"}, {"tool_choice": "none"}),
            ({"type": "tool", "name": "weather"}, {"tool_choice": {"type": "function", "function": {"name": "weather"}}}),
            ({"type": "auto", "disable_parallel_tool_use": True}, {"tool_choice": "auto", "parallel_tool_calls": False}),
        ],
        ids=repr,
    )
    def test_tools_and_choice(self, choice: dict[str, Any], expected: dict[str, Any]) -> None:
        body = sent(
            self.to_chat({"role": "user", "content": "u"}, tools=[{**WEATHER, "description": "d"}], tool_choice=choice)
        )
        function = {"name": "weather", "description": "d", "parameters": {"type": "object"}}
        assert body["tools"] == [{"type": "function", "function": function}]
        assert {key: body[key] for key in ("tool_choice", "parallel_tool_calls") if key in body} == expected

    def test_long_and_odd_names_of_tools_are_put_back(self) -> None:
        names = ["a" * 128, "a" * 127 + "b", "ok"]
        result = self.to_chat({"role": "user", "content": "u"}, tools=[{**WEATHER, "name": name} for name in names])
        given = [tool["function"]["name"] for tool in sent(result)["tools"]]
        assert len(set(given)) == 3
        assert max(map(len, given)) <= 64
        assert given[2] == "ok"
        assert result.aliases == {given[0]: ToolAlias(names[0], "function"), given[1]: ToolAlias(names[1], "function")}
