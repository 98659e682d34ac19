"""Reasoning in Chat streams (wire facts 2.3, 4.6)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.formats import Event
from hyperinfer.formats import events as ev
from hyperinfer.formats.opaque import Opaque
from hyperinfer.formats.openai_chat.reasoning import reasoning_pieces
from tests.support.chat_stream import blocks, chunk, decoded
from tests.support.pair import Pair, decode_stream


class TestReasoning:
    """Reasoning in all its fields; copies once (RULES; faults F078, F081)."""

    @pytest.mark.parametrize("field", ["reasoning", "reasoning_content", "thinking"])
    def test_each_field(self, field: str) -> None:
        events = decoded(chunk({field: "a"}), chunk({field: "b"}), chunk({field: "c"}), chunk({"content": "x"}, "stop"))
        assert blocks(events) == ["reasoning abc", "text x", "end stop"]

    def test_copies_count_once_and_different_texts_both(self) -> None:
        same = chunk(
            {"reasoning": "a", "reasoning_content": "a", "reasoning_details": [{"type": "reasoning.text", "text": "a"}]}
        )
        assert blocks(decoded(same, chunk({}, "stop")))[0] == "reasoning a"
        assert blocks(decoded(chunk({"reasoning": "a", "reasoning_content": "b"}), chunk({}, "stop")))[0] == "reasoning ab"

    def test_frames_that_repeat_with_two_copies_are_not_taken_for_one(self) -> None:
        frames = [chunk({"reasoning": "a", "reasoning_content": "a"})] * 3 + [
            chunk({"reasoning": "a", "reasoning_content": "b"})
        ]
        assert blocks(decoded(*frames, chunk({}, "stop")))[0] == "reasoning aaaab"

    def test_details_alone(self) -> None:
        frames = [chunk({"reasoning_details": [{"type": "reasoning.text", "text": word}]}) for word in ("a", "b")]
        events = decoded(
            *frames, chunk({"reasoning_details": [{"type": "reasoning.text", "signature": "s"}]}), chunk({}, "stop")
        )
        assert blocks(events)[0] == "reasoning ab <signature s>"

    def test_a_signature_that_brings_its_text_again(self) -> None:
        detail = {"type": "reasoning.text", "text": "ab", "signature": "s"}
        events = decoded(
            chunk({"reasoning": "a"}), chunk({"reasoning": "b"}), chunk({"reasoning_details": [detail]}), chunk({}, "stop")
        )
        assert blocks(events)[0] == "reasoning ab <signature s>"

    @pytest.mark.parametrize(
        ("deltas", "words"),
        [
            ([{"reasoning": "Hm."}, {"reasoning": "\n\na"}, {"reasoning": "b"}], "ab"),
            ([{"reasoning": "Hm."}, {"reasoning": "a b"}], "a b"),
            ([{"reasoning": "Hm."}, {"reasoning": "a"}, {"reasoning": "\n"}, {"reasoning": "b"}], "a\nb"),
            ([{"thinking": "Hm."}, {"reasoning_details": [{"type": "reasoning.text", "text": "ab"}]}], "ab"),
        ],
    )
    def test_a_signature_that_brings_again_what_followed_unsigned_text(
        self, deltas: list[dict[str, object]], words: str
    ) -> None:
        detail = {"type": "reasoning.text", "text": words, "signature": "s"}
        events = decoded(*map(chunk, deltas), chunk({"reasoning_details": [detail]}), chunk({}, "stop"))
        (block, end) = blocks(events)
        assert "".join(block.split()) == f"reasoningHm.{''.join(words.split())}<signatures>"
        assert end == "end stop"

    def test_a_signature_that_comes_with_the_last_of_its_text(self) -> None:
        detail = {"type": "reasoning.text", "text": "ab", "signature": "s"}
        last = chunk({"reasoning": "b", "reasoning_details": [detail]})
        assert blocks(decoded(chunk({"reasoning": "a"}), last, chunk({}, "stop")))[0] == "reasoning ab <signature s>"

    def test_a_signature_that_brings_its_text_again_behind_a_call_that_goes_on(self) -> None:
        def call(arguments: str, **more: str) -> bytes:
            return chunk({"tool_calls": [{"index": 0, **more, "function": {"name": "f", "arguments": arguments}}]})

        detail = {"type": "reasoning.text", "text": "ab", "signature": "s"}
        thought = (chunk({"reasoning": "a"}), chunk({"reasoning": "b"}), chunk({"reasoning_details": [detail]}))
        told = blocks(decoded(call('{"x":', id="c"), *thought, call("1}"), chunk({}, "tool_calls")))
        assert [block for block in told if block.startswith("reasoning")] == ["reasoning ab <signature s>"]

    def test_signed_text_that_was_not_streamed_before_is_not_taken_for_a_repetition(self) -> None:
        detail = {"type": "reasoning.text", "text": "b", "signature": "s"}
        events = decoded(chunk({"reasoning": "ab"}), chunk({"reasoning_details": [detail]}), chunk({}, "stop"))
        assert blocks(events)[0] == "reasoning abb <signature s>"

    def test_a_blob_ends_its_block(self) -> None:
        def signed(data: str) -> bytes:
            return chunk({"thinking_blocks": [{"type": "thinking", "thinking": "", "signature": data}]})

        events = decoded(
            chunk({"reasoning_content": "a"}), signed("1"), chunk({"reasoning_content": "b"}), signed("2"), signed("3")
        )
        assert blocks(events)[:3] == ["reasoning a <signature 1>", "reasoning b <signature 2>", "reasoning  <signature 3>"]

    def test_encrypted_reasoning_without_text(self) -> None:
        detail = {"type": "reasoning.encrypted", "data": "x", "id": "rs_1"}
        assert blocks(decoded(chunk({"reasoning_details": [detail]}), chunk({}, "stop")))[0] == "reasoning  <encrypted x>"

    def test_reasoning_between_texts_opens_blocks_of_its_own(self) -> None:
        events = decoded(
            chunk({"reasoning": "a"}), chunk({"content": "b"}), chunk({"reasoning": "c"}), chunk({"content": "d"}, "stop")
        )
        assert blocks(events)[:4] == ["reasoning a", "text b", "reasoning c", "text d"]

    def test_content_as_an_array_of_parts(self) -> None:
        parts = [
            {"type": "text", "text": "a"},
            {"type": "thinking", "thinking": [{"type": "text", "text": "t"}]},
            {"type": "reference", "reference_ids": [1]},
            {"type": "text", "text": "b"},
        ]
        events = decoded(chunk({"content": parts}), chunk({}, "stop"))
        assert blocks(events) == ["text a", "reasoning t", "text b", "end stop"]
        assert [event for event in events if isinstance(event, ev.Unknown)] == [
            ev.Unknown("openai_chat", "content.reference", {"content": [parts[2]]})
        ]


PIECES = st.lists(st.sampled_from(["a", "b", "ab", " ", "\n\n", ""]), max_size=3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(PIECES, st.booleans()), max_size=5))
def test_blocks_signed_and_unsigned_in_any_order_are_told_once(made: list[tuple[list[str], bool]]) -> None:
    """Written for a Chat client, and read by one who takes it for an upstream."""
    events: list[Event] = [ev.MessageStart("anthropic_messages")]
    for pieces, signed in made:
        blobs = (Opaque("anthropic", "signature", "c2ln"),) if signed else ()
        events += [ev.ReasoningStart(), *map(ev.ReasoningDelta, pieces), ev.ReasoningEnd(blobs)]
    stream = Pair("openai_chat", upstream="anthropic_messages").stream([*events, ev.MessageEnd("stop")])
    heard = decode_stream("openai_chat", [stream])
    thought = "".join(event.text for event in heard if isinstance(event, ev.ReasoningDelta))
    assert "".join(thought.split()) == "".join("".join(pieces) for pieces, _ in made).replace(" ", "").replace("\n", "")
    blobs_heard = sum(len(event.opaque) for event in heard if isinstance(event, ev.ReasoningEnd))
    assert blobs_heard == sum(signed for _, signed in made)


def test_what_was_thought_so_far_is_looked_at_for_a_signature_alone() -> None:
    """It may be long, and to join it for every delta takes time that grows with its square."""
    joined = 0

    def so_far() -> Iterator[str]:
        nonlocal joined
        joined += 1
        yield "a thought"

    def pieces(**detail: str) -> int:
        return len(reasoning_pieces({"reasoning_details": [detail]}, lambda text: ("v", text), so_far()))

    assert (pieces(type="reasoning.text", text="more"), joined) == (1, 0)
    assert (pieces(type="reasoning.text", text="a thought", signature="s"), joined) == (1, 1)
