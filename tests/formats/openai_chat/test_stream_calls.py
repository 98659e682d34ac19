"""Tool calls in Chat streams (wire facts 2.2, 4.4)."""

from __future__ import annotations

from hyperinfer.formats import events as ev
from hyperinfer.formats.opaque import Opaque
from tests.support.chat_stream import blocks, call, chunk, decoded
from tests.support.pair import decode_stream


class TestCalls:
    """Tool calls, from regular and irregular servers (faults F001, F002, F003, F010)."""

    def test_a_new_index_closes_the_call_before_it(self) -> None:
        events = decoded(
            chunk(call(0, "", "a", "f")),
            chunk(call(0, '{"x":')),
            chunk(call(0, "1}")),
            chunk(call(1, "", "b", "g")),
            chunk(call(1, "{}")),
            chunk({}, "tool_calls"),
        )
        assert blocks(events) == ['function a f {"x":1}', "function b g {}", "end tool_calls"]

    def test_several_calls_of_one_chunk(self) -> None:
        both = {"tool_calls": call(0, "{}", "a", "f")["tool_calls"] + call(1, '{"y":2}', "b", "g")["tool_calls"]}
        assert blocks(decoded(chunk(both), chunk({}, "tool_calls")))[:2] == ["function a f {}", 'function b g {"y":2}']

    def test_a_new_id_under_the_same_index_is_another_call(self) -> None:
        events = decoded(chunk(call(0, "{}", "a", "f")), chunk(call(0, "{}", "b", "f")), chunk({}, "tool_calls"))
        assert blocks(events)[:2] == ["function a f {}", "function b f {}"]

    def test_an_id_that_is_repeated_is_the_same_call(self) -> None:
        events = decoded(chunk(call(0, "{", "a", "f")), chunk(call(0, "}", "a", "f")), chunk({}, "tool_calls"))
        assert blocks(events)[:1] == ["function a f {}"]

    def test_without_an_index_the_id_tells(self) -> None:
        events = decoded(
            chunk(call(None, '{"a"', "a", "f")),
            chunk(call(None, ":1}")),
            chunk(call(None, "{}", "b", "f")),
            chunk({}, "tool_calls"),
        )
        assert blocks(events)[:2] == ['function a f {"a":1}', "function b f {}"]

    def test_ids_are_made_where_none_came(self) -> None:
        events = decoded(chunk(call(0, "{}", "", "f")), chunk(call(1, "{}", None, "g")), chunk({}, "tool_calls"))
        assert blocks(events)[:2] == ["function call_seed_0 f {}", "function call_seed_1 g {}"]

    def test_interleaved_calls_come_out_one_after_the_other(self) -> None:
        events = decoded(
            chunk(call(0, "", "a", "f")),
            chunk(call(1, "", "b", "g")),
            chunk(call(2, "", "c", "h")),
            chunk(call(0, '{"x":')),
            chunk(call(1, '{"y":')),
            chunk(call(2, "{}")),
            chunk(call(0, "1}")),
            chunk(call(1, "2}")),
            chunk({"content": "done"}),
            chunk({}, "tool_calls"),
        )
        assert blocks(events) == [
            'function a f {"x":1}',
            'function b g {"y":2}',
            "function c h {}",
            "text done",
            "end tool_calls",
        ]

    def test_text_in_the_middle_of_arguments_waits_for_their_end(self) -> None:
        events = decoded(
            chunk(call(0, '{"x":', "a", "f")),
            chunk({"content": "\n"}),
            chunk(call(0, '"}"')),
            chunk(call(0, "}")),
            chunk({"content": "b"}),
            chunk({}, "tool_calls"),
        )
        assert blocks(events) == ['function a f {"x":"}"}', "text \nb", "end tool_calls"]

    def test_text_behind_a_complete_call_does_not_wait(self) -> None:
        raw = chunk(call(0, "{}", "a", "f")) + chunk({"content": "b"})
        assert blocks(decode_stream("openai_chat", [raw]))[:2] == ["function a f {}", "text b"]

    def test_a_call_without_arguments_is_over_at_the_end_at_the_latest(self) -> None:
        events = decoded(chunk(call(0, "", "a", "f")), chunk(call(1, "{}", "b", "g")), chunk({}, "tool_calls"))
        assert blocks(events) == ["function a f ", "function b g {}", "end tool_calls"]

    def test_arguments_that_never_become_json_do_not_hold_up_the_end(self) -> None:
        events = decoded(chunk(call(0, '{"x": tru', "a", "f")), chunk(call(1, "{}", "b", "g")), chunk({}, "length"))
        assert blocks(events) == ['function a f {"x": tru', "function b g {}", "end length"]

    def test_a_call_that_says_nothing_for_long_holds_up_no_more_than_it_may(self) -> None:
        frames = [chunk(call(0, "{", "a", "f")), *[chunk({"content": "x"})] * 10_001]
        events = decode_stream("openai_chat", [b"".join(frames)])
        assert sum(isinstance(event, ev.TextDelta) for event in events) == 10_001

    def test_arguments_of_a_call_that_is_over_are_an_error(self) -> None:
        events = decoded(chunk(call(0, "{}", "a", "f")), chunk({"content": "x"}), chunk(call(0, "1")))
        assert blocks(events)[-1] == "error arguments arrived for a tool call that was over"

    def test_a_call_without_a_name_is_an_error(self) -> None:
        assert blocks(decoded(chunk(call(0, "{}", "a")))) == ["error a tool call begins without a name"]

    def test_arguments_as_an_object(self) -> None:
        piece = {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": {"x": [1]}}}]}
        assert blocks(decoded(chunk(piece), chunk({}, "tool_calls")))[0] == 'function a f {"x":[1]}'

    def test_custom_calls(self) -> None:
        first = {"tool_calls": [{"index": 0, "id": "a", "type": "custom", "custom": {"name": "f", "input": ""}}]}
        more = {"tool_calls": [{"index": 0, "custom": {"input": "ls\n"}}]}
        assert blocks(decoded(chunk(first), chunk(more), chunk(more), chunk({}, "tool_calls")))[0] == "custom a f ls\nls\n"

    def test_the_deprecated_function_call(self) -> None:
        frames = [chunk({"function_call": {"name": "f", "arguments": ""}}), chunk({"function_call": {"arguments": "{}"}})]
        events = decoded(*frames, chunk({}, "function_call"))
        assert blocks(events) == ["function call_seed_0 f {}", "end tool_calls"]

    def test_state_of_a_call_is_opaque(self) -> None:
        piece = call(0, "{}", "a", "f")
        piece["tool_calls"][0]["extra_content"] = {"google": {"thought_signature": "c2ln", "x": 1}}
        start = decoded(chunk(piece), chunk({}, "tool_calls"), vendor="google")[1]
        assert isinstance(start, ev.ToolCallStart)
        place = ("extra_content", "google", "thought_signature")
        assert start.opaque == (Opaque("google", "signature", "c2ln", {"place": place}),)
        assert start.extra == {"extra_content": {"google": {"x": 1}}}
