"""Requests of clients: every form that they use, and what is refused with its path."""

from __future__ import annotations

from typing import Any

import pytest

from hyperinfer.formats.conversation import (
    Base64Source,
    FileIdSource,
    FilePart,
    ImagePart,
    NativePart,
    ReasoningPart,
    ReasoningText,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Turn,
    UrlSource,
)
from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.opaque import Opaque
from hyperinfer.formats.openai_responses import OPENAI_RESPONSES
from tests.formats.openai_responses.harness import request


def turns(*items: Any) -> tuple[Turn, ...]:
    return request(input=list(items)).turns


def refused(**fields: Any) -> RequestError:
    with pytest.raises(RequestError) as caught:
        request(**fields)
    return caught.value


def test_a_string_is_a_user_turn_and_instructions_come_first() -> None:
    system, user = request(input="hello", instructions="Be brief.").turns
    assert (system.role, system.path, system.parts) == ("system", "instructions", (TextPart(text="Be brief."),))
    assert (user.role, user.path, user.plain, user.parts) == ("user", "input", True, (TextPart(text="hello"),))


def test_easy_messages_need_no_type_and_models_words_no_annotations() -> None:
    developer, user, assistant = turns(
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "ho"}], "phase": "commentary"},
    )
    assert (developer.role, developer.plain) == ("developer", True)
    assert user.parts == (TextPart(text="hi"),)
    assert (assistant.parts, assistant.phase) == ((TextPart(text="ho"),), "commentary")


def test_null_content_is_a_turn_without_parts() -> None:
    assert turns({"role": "assistant", "content": None})[0].parts == ()


def test_codex_leaves_out_the_id_and_the_summary_of_reasoning() -> None:
    (turn,) = turns({"type": "reasoning", "content": None, "encrypted_content": "blob"})
    assert turn.role == "assistant"
    assert turn.parts == (ReasoningPart(opaque=(Opaque("openai", "encrypted", "blob"),)),)


def test_reasoning_keeps_its_texts_by_form() -> None:
    (turn,) = turns(
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "s"}],
            "content": [{"type": "reasoning_text", "text": "t"}],
            "encrypted_content": "",
        }
    )
    (part,) = turn.parts
    assert part == ReasoningPart(texts=(ReasoningText("s", "summary"), ReasoningText("t", "text")), item_id="rs_1")


@pytest.mark.parametrize(
    ("blob", "opaque"),
    [
        ("hi1.anthropic.c2ln", Opaque("anthropic", "signature", "c2ln")),
        ("hi1.anthropic.redacted:ZGF0", Opaque("anthropic", "redacted", "ZGF0")),
        ("hi1.openai.YWJj", Opaque("openai", "encrypted", "YWJj")),
        ("YWJj", Opaque("openai", "encrypted", "YWJj")),
    ],
)
def test_a_tagged_blob_names_its_vendor(blob: str, opaque: Opaque) -> None:
    (turn,) = turns({"type": "reasoning", "summary": [], "encrypted_content": blob})
    (part,) = turn.parts
    assert isinstance(part, ReasoningPart)
    assert part.opaque == (opaque,)


def test_calls_and_results_pair_by_call_id() -> None:
    call, custom, result, custom_result = turns(
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "", "id": "fc_1", "namespace": "ns"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "raw"},
        {"type": "function_call_output", "call_id": "c1", "output": "done"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "output_text", "text": "x"}]},
    )
    assert call.parts == (ToolCallPart(call_id="c1", name="f", arguments="{}", item_id="fc_1", namespace="ns"),)
    assert custom.parts == (ToolCallPart(call_id="c2", name="g", arguments="raw", kind="custom"),)
    assert result.role == "tool"
    assert result.parts == (ToolResultPart(call_id="c1", content=(TextPart(text="done"),), plain=True),)
    assert custom_result.parts == (ToolResultPart(call_id="c2", content=(TextPart(text="x"),), kind="custom"),)


def test_a_result_without_call_id_is_paired_only_when_one_call_waits() -> None:
    call = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
    result = {"type": "function_call_output", "output": "x"}
    (part,) = turns(call, result)[1].parts
    assert isinstance(part, ToolResultPart)
    assert part.call_id == "c1"
    assert refused(input=[call, {**call, "call_id": "c2"}, result]).param == "input[2].call_id"
    assert refused(input=[result]).param == "input[0].call_id"


def test_images_and_files_by_url_data_and_id() -> None:
    (turn,) = turns(
        {
            "role": "user",
            "content": [
                {"type": "input_image", "image_url": "data:image/png;base64,AAA"},
                {"type": "input_image", "image_url": "https://x/y.png", "detail": "low"},
                {"type": "input_image", "file_id": "file-1"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,BBB"},
                {"type": "input_file", "file_data": "BBB"},
                {"type": "input_file", "file_url": "https://x/y.pdf"},
            ],
        }
    )
    assert turn.parts == (
        ImagePart(source=Base64Source("AAA", "image/png")),
        ImagePart(source=UrlSource("https://x/y.png"), detail="low"),
        ImagePart(source=FileIdSource("file-1")),
        FilePart(source=Base64Source("BBB", "application/pdf"), name="a.pdf"),
        FilePart(source=Base64Source("BBB")),
        FilePart(source=UrlSource("https://x/y.pdf")),
    )


@pytest.mark.parametrize(
    ("item", "role"),
    [
        ({"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "q"}}, "assistant"),
        ({"type": "local_shell_call", "call_id": None, "action": {"command": ["ls"]}}, "assistant"),
        ({"type": "local_shell_call_output", "id": "x", "output": "a.txt"}, "user"),
        ({"type": "tool_search_call", "arguments": {}}, "assistant"),
        ({"type": "tool_search_output", "tools": []}, "assistant"),
        ({"type": "compaction", "encrypted_content": "x"}, "assistant"),
        ({"type": "additional_tools", "tools": []}, "user"),
        ({"type": "item_of_next_year", "x": 1}, "assistant"),
    ],
)
def test_items_of_hosted_tools_are_kept(item: dict[str, Any], role: str) -> None:
    (turn,) = turns(item)
    (part,) = turn.parts
    assert isinstance(part, NativePart)
    assert (turn.role, part.raw) == (role, item)


def test_what_a_hosted_tool_said_is_kept_in_words() -> None:
    (turn,) = turns({"type": "local_shell_call_output", "output": "a.txt"})
    (part,) = turn.parts
    assert isinstance(part, NativePart)
    assert part.text == "[local_shell_call_output]\na.txt"


def test_tools_of_every_kind() -> None:
    found = request(
        tools=[
            {"type": "function", "name": "f", "parameters": None, "strict": None, "defer_loading": True},
            {"type": "custom", "name": "patch", "format": {"type": "grammar", "syntax": "lark", "definition": "s"}},
            {
                "type": "namespace",
                "name": "ns",
                "description": "d",
                "tools": [{"type": "function", "name": "g"}, {"type": "custom", "name": "h"}],
            },
            {"type": "file_search", "vector_store_ids": ["v"]},
            {"type": "web_search", "events": True, "filters": {"allowed_domains": ["x"]}},
        ],
        hi_tool_events=True,
    )
    function, custom, inner, inner_custom, native = found.tools
    assert (function.kind, function.parameters, function.extra) == ("function", None, {"defer_loading": True})
    assert (custom.kind, custom.grammar) == ("custom", {"type": "grammar", "syntax": "lark", "definition": "s"})
    assert (inner.name, inner.namespace, inner.namespace_description, inner.path) == ("g", "ns", "d", "tools[2].tools[0]")
    assert (inner_custom.kind, inner_custom.namespace) == ("custom", "ns")
    assert (native.kind, native.type) == ("native", "file_search")
    (plugin,) = found.plugins
    assert (plugin.id, plugin.events, plugin.options) == (
        "web_search",
        True,
        {"filters": {"allowed_domains": ["x"]}},
    )
    assert found.tool_events


def test_choices_of_every_kind() -> None:
    def choice(value: Any) -> Any:
        return request(tool_choice=value).tool_choice

    assert choice(None) is None
    assert [choice(mode).mode for mode in ("auto", "none", "required")] == ["auto", "none", "required"]
    assert (choice({"type": "custom", "name": "g"}).kind, choice({"type": "custom", "name": "g"}).name) == (
        "custom",
        "g",
    )
    allowed = choice({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]})
    assert (allowed.mode, allowed.allowed, allowed.allowed_mode) == ("allowed", ("f",), "required")
    assert choice({"type": "apply_patch"}).mode == "native"


def test_the_shape_of_the_answer_and_how_to_think() -> None:
    found = request(
        text={
            "format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True},
            "verbosity": "low",
        },
        reasoning={"effort": "high", "summary": "auto", "context": "all_turns"},
    )
    assert found.response_format is not None
    assert (found.response_format.name, found.response_format.strict) == ("n", True)
    assert found.verbosity == "low"
    assert found.reasoning is not None
    assert (found.reasoning.effort, found.reasoning.extra) == ("high", {"context": "all_turns"})


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"previous_response_id": "resp_1"}, "previous_response_id"),
    ({"conversation": "conv_1"}, "conversation"),
    ({"background": True}, "background"),
    ({"prompt": {"id": "p"}}, "prompt"),
    ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
    ({"input": 7}, "input"),
    ({"input": [7]}, "input[0]"),
    ({"input": [{"role": "user", "content": 7}]}, "input[0].content"),
    ({"input": [{"role": "user", "content": [7]}]}, "input[0].content[0]"),
    ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
    ({"input": [{"role": 7, "content": ""}]}, "input[0].role"),
    ({"input": [{"type": "function_call", "call_id": "c", "arguments": "{}"}]}, "input[0].name"),
    ({"input": [{"type": "function_call", "call_id": 1, "name": "f"}]}, "input[0].call_id"),
    ({"input": [{"type": "reasoning", "summary": [{"text": 1}]}]}, "input[0].summary[0].text"),
    ({"tools": [7]}, "tools[0]"),
    ({"tools": [{"type": "function"}]}, "tools[0].name"),
    ({"tools": [{"type": "function", "name": "f", "parameters": []}]}, "tools[0].parameters"),
    ({"tools": [{"type": "namespace", "name": "n", "tools": [{"type": "function"}]}]}, "tools[0].tools[0].name"),
    ({"tool_choice": {"type": "function"}}, "tool_choice.name"),
    ({"temperature": "warm"}, "temperature"),
    ({"max_output_tokens": 0}, "max_output_tokens"),
    ({"reasoning": {"effort": 3}}, "reasoning.effort"),
    ({"model": None}, "model"),
]


@pytest.mark.parametrize(("fields", "param"), REFUSED)
def test_refused_with_its_path(fields: dict[str, Any], param: str) -> None:
    assert refused(**fields).param == param


def test_unknown_fields_and_nulls_are_accepted_everywhere() -> None:
    found = request(
        input=[{"role": "user", "content": [{"type": "input_text", "text": "x", "new": 1}], "id": None, "other": 2}],
        client_metadata={"a": "b"},
        truncation=None,
        background=False,
        previous_response_id=None,
    )
    assert found.extra == {"client_metadata": {"a": "b"}}
    assert found.turns[0].extra == {"other": 2}


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'{"model":"m"}', b"\xff", b'{"model":"m","input":"\xff"}'])
def test_a_body_that_is_no_request(raw: bytes) -> None:
    with pytest.raises(RequestError):
        OPENAI_RESPONSES.decode_request(raw)
