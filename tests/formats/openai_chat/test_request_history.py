"""The history in a Chat request: which call a result answers, and the reasoning of earlier turns."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hyperinfer.formats import FORMATS, Conversation
from hyperinfer.formats.conversation import (
    Part,
    ReasoningPart,
    ReasoningText,
    ToolCallPart,
    ToolResultPart,
)
from hyperinfer.formats.opaque import Opaque

CHAT = FORMATS["openai_chat"]
USER: dict[str, Any] = {"role": "user", "content": "hi"}
CALL: dict[str, Any] = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def decode(*messages: Any, **fields: Any) -> Conversation:
    return CHAT.decode_request(json.dumps({"model": "m", "messages": list(messages) or [USER], **fields}).encode())


def parts(message: dict[str, Any]) -> tuple[Part, ...]:
    return decode(message).turns[0].parts


class TestResults:
    """Which call a result answers (faults F064, F065)."""

    def results(self, *messages: Any) -> list[tuple[str, str]]:
        turns = decode(*messages).turns
        return [(part.call_id, part.kind) for turn in turns for part in turn.parts if isinstance(part, ToolResultPart)]

    def test_by_its_id(self) -> None:
        custom = {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "x"}}
        messages = [
            {"role": "assistant", "tool_calls": [CALL, custom]},
            {"role": "tool", "tool_call_id": "c2", "content": "x"},
            {"role": "tool", "tool_call_id": "c1", "content": "x"},
            {"role": "tool", "tool_call_id": "other", "content": "x"},
        ]
        assert self.results(*messages) == [("c2", "custom"), ("c1", "function"), ("other", "function")]

    def test_without_an_id_where_one_call_is_open(self) -> None:
        messages = [{"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "content": "x"}]
        assert self.results(*messages) == [("c1", "function")]
        nameless = {**CALL, "id": None}
        assert self.results({"role": "assistant", "tool_calls": [nameless]}, messages[1]) == [("call_unnamed_1", "function")]

    def test_function_messages_answer_by_name_each_its_own_call(self) -> None:
        call: dict[str, Any] = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
        result = {"role": "function", "name": "f", "content": "x"}
        ids = [call_id for call_id, _ in self.results(call, result, call, result)]
        assert len(set(ids)) == 2


class TestReasoning:
    """Reasoning of earlier turns, in any of the fields; copies once (RULES; faults F075, F076)."""

    def reasoning(self, **fields: Any) -> list[ReasoningPart]:
        found = [part for part in parts({"role": "assistant", "content": "x", **fields}) if isinstance(part, ReasoningPart)]
        return [ReasoningPart(texts=part.texts, opaque=part.opaque, item_id=part.item_id) for part in found]

    @pytest.mark.parametrize("field", ["reasoning", "reasoning_content", "thinking"])
    def test_text(self, field: str) -> None:
        assert self.reasoning(**{field: "r"}) == [ReasoningPart(texts=(ReasoningText("r"),))]

    def test_copies(self) -> None:
        details = [{"type": "reasoning.text", "text": "r"}]
        assert self.reasoning(reasoning="r", reasoning_content="r", reasoning_details=details) == self.reasoning(
            reasoning="r"
        )

    def test_a_tagged_blob_is_of_its_vendor_and_an_untagged_one_of_openai(self) -> None:
        tagged = {"type": "reasoning.encrypted", "data": "hi1.anthropic.abc"}
        plain = {"type": "reasoning.encrypted", "data": "abc", "id": "rs_1"}
        vendors = [[(b.vendor, b.data) for b in part.opaque] for part in self.reasoning(reasoning_details=[tagged, plain])]
        assert vendors == [[("anthropic", "abc")], [("openai", "abc")]]

    def test_each_signed_text_is_a_part_of_its_own(self) -> None:
        signed = [{"type": "reasoning.text", "text": t, "signature": f"hi1.anthropic.{t}"} for t in ("a", "b")]
        found = self.reasoning(reasoning="a\n\nb", reasoning_details=signed)
        assert [(part.texts, part.opaque[0].data) for part in found] == [
            ((ReasoningText("a"),), "a"),
            ((ReasoningText("b"),), "b"),
        ]

    def test_text_beside_signed_text_is_a_part_without_a_blob(self) -> None:
        signed = {"type": "reasoning.text", "text": "b", "signature": "s"}
        found = self.reasoning(reasoning="a\n\nb", reasoning_details=[signed])
        assert [([text.text for text in part.texts], len(part.opaque)) for part in found] == [(["a"], 0), (["b"], 1)]

    def test_summaries(self) -> None:
        details = [{"type": "reasoning.summary", "summary": "s"}, {"type": "reasoning.encrypted", "data": "x"}]
        (part,) = self.reasoning(reasoning_details=details)
        assert part.texts == (ReasoningText("s", "summary"),)
        assert [blob.data for blob in part.opaque] == ["x"]

    def test_reasoning_between_calls_stands_between_them(self) -> None:
        details = [
            {"type": "reasoning.text", "text": "a", "signature": "1"},
            {"type": "reasoning.text", "text": "b", "signature": "2", "hi_after_calls": 1},
        ]
        calls = [CALL, {**CALL, "id": "c2"}]
        found = parts({"role": "assistant", "content": "t", "reasoning_details": details, "tool_calls": calls})
        assert [type(part).__name__ for part in found] == [
            *["ReasoningPart", "TextPart", "ToolCallPart", "ReasoningPart", "ToolCallPart"]
        ]

    def test_state_of_a_call(self) -> None:
        call = {**CALL, "extra_content": {"google": {"thought_signature": "hi1.google.sig"}}}
        (part,) = parts({"role": "assistant", "tool_calls": [call]})
        assert isinstance(part, ToolCallPart)
        place = ("extra_content", "google", "thought_signature")
        assert (part.opaque, part.extra) == ((Opaque("google", "signature", "sig", {"place": place}),), None)
