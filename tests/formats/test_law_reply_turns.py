"""A conversation that the gateway goes on with itself is the one that a client would have sent back after the same reply.

What goes upstream after `reply_turns` is compared with what goes upstream for a client's replay of the whole response, on
recorded replies and on made-up ones; and between formats with what goes to the upstream in a conversation of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings

from hyperinfer.formats import FORMATS, Target, Upstream
from hyperinfer.formats import events as ev
from hyperinfer.formats.conversation import TextPart, ToolCallPart, ToolResultPart, Turn
from hyperinfer.formats.opaque import DEFAULT_VENDOR
from hyperinfer.formats.wire import is_array, is_object
from tests.formats.test_law_replies import hop as reply_hop
from tests.formats.test_law_replies import walk as rich_walk
from tests.formats.test_law_requests import PAIRS
from tests.formats.test_law_turns import next_request, plainly, walk
from tests.support.pair import ASKED, Pair, decode_stream
from tests.support.recordings import DIALECTS, Recording, recordings
from tests.support.strategies import event_sequences

if TYPE_CHECKING:
    from hyperinfer.formats import Conversation, Dialect, Event

HISTORY: dict[Dialect, str] = {"openai_chat": "messages", "openai_responses": "input", "anthropic_messages": "messages"}


def sent(conversation: Conversation, dialect: Dialect, vendor: str) -> list[dict[str, Any]]:
    """What the model did before, as an upstream gets it: messages of the assistant, or items of it."""
    target = Target(dialect=dialect, model="m", vendor=vendor, streamed=False, max_output_tokens=0)
    body = json.loads(FORMATS[dialect].encode_request(conversation, target).body)
    history: list[dict[str, Any]] = body[HISTORY[dialect]] if is_array(body[HISTORY[dialect]]) else []
    if dialect == "openai_responses":
        return [
            plain_item(item) for item in history if item.get("role") != "user" and not str(item["type"]).endswith("_output")
        ]
    messages = [plain_message(message) for message in history if message["role"] == "assistant"]
    return [message for message in messages if message.keys() > {"role", "content"} or message["content"]]


def plain_item(item: dict[str, Any]) -> dict[str, Any]:
    """Without what says nothing: the status of what is over. The content as a list."""
    if isinstance(content := item.get("content"), str):
        item = {**item, "content": [{"type": "output_text", "text": content}]}
    return {name: value for name, value in item.items() if name != "status"}


def plain_message(message: dict[str, Any]) -> dict[str, Any]:
    """With the content as a list and arguments as what they say."""
    content = message.get("content")
    if isinstance(content, str):
        message = {**message, "content": [{"type": "text", "text": content}] if content else []}
    calls: list[dict[str, Any]] = message.get("tool_calls") or []
    for call in calls:
        if "function" in call:
            call["function"] = {**call["function"], "arguments": as_value(call["function"]["arguments"])}
    return message


def as_value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def gone_on(asked: Conversation, events: Iterable[Event]) -> Conversation:
    """The conversation after the reply, with a result for each call, as the gateway makes it."""
    turns = FORMATS[asked.dialect].reply_turns(events, "round[0]")
    calls = [part for turn in turns for part in turn.parts if isinstance(part, ToolCallPart)]
    done = (TextPart(text="done"),)
    results = tuple(
        Turn(role="tool", parts=(ToolResultPart(call_id=call.call_id, kind=call.kind, content=done),), path="round[1]")
        for call in calls
    )
    return msgspec.structs.replace(asked, turns=(*asked.turns, *turns, *results))


def asked(dialect: Dialect) -> Conversation:
    return FORMATS[dialect].decode_request(ASKED[dialect])


def events_of(recording: Recording) -> list[Event]:
    vendor = DEFAULT_VENDOR[recording.dialect]
    if not recording.streamed:
        return list(FORMATS[recording.dialect].decode_response(recording.response, Upstream(vendor=vendor, id_seed="s")))
    return [event for event in decode_stream(recording.dialect, [recording.response]) if not isinstance(event, str)]


GOOD = [r for r in recordings() if r.status == 200]


def complete(events: Sequence[Event]) -> bool:
    return bool(events) and isinstance(events[-1], ev.MessageEnd)


@pytest.mark.parametrize("recording", GOOD, ids=str)
def test_a_recorded_reply_goes_back_as_its_client_would_send_it(recording: Recording) -> None:
    dialect, events = recording.dialect, events_of(recording)
    if not complete(events):
        pytest.skip("the reply failed")
    vendor = DEFAULT_VENDOR[dialect]
    replay = FORMATS[dialect].decode_request(next_request(dialect, json.loads(Pair(dialect).whole(events))))
    assert comparable(sent(gone_on(asked(dialect), events), dialect, vendor)) == comparable(sent(replay, dialect, vendor))


def comparable(value: Any) -> Any:
    """Without empty texts and empty lists, which say nothing; a block or item of nothing else is none."""
    if is_object(value):
        if isinstance(text := value.get("text"), str) and not text.strip():
            return None
        found = {name: kept for name, inner in value.items() if (kept := comparable(inner)) not in (None, [], "")}
        return found if found.keys() - {"type", "role"} or not found.keys() & {"type", "role"} else None
    return [kept for inner in value if (kept := comparable(inner)) is not None] if is_array(value) else value


@pytest.mark.parametrize("dialect", DIALECTS)
def test_any_reply_goes_back_as_its_client_would_send_it(dialect: Dialect) -> None:
    @settings(max_examples=40, deadline=None)
    @given(event_sequences(rich_walk(dialect)))
    def check(made: tuple[Event, ...]) -> None:
        events = reply_hop(plainly(made, dialect), dialect, dialect).events
        vendor = DEFAULT_VENDOR[dialect]
        replay = FORMATS[dialect].decode_request(next_request(dialect, json.loads(Pair(dialect).whole(events))))
        assert comparable(sent(gone_on(asked(dialect), events), dialect, vendor)) == comparable(
            sent(replay, dialect, vendor)
        )

    check()


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_an_upstream_gets_the_same_whatever_the_client_speaks(client: Dialect, upstream: Dialect) -> None:
    @settings(max_examples=25, deadline=None)
    @given(event_sequences(walk(upstream)))
    def check(made: tuple[Event, ...]) -> None:
        events = list(bare(reply_hop(plainly(made, upstream), upstream, upstream).events))
        vendor = DEFAULT_VENDOR[upstream]
        own = sent(gone_on(asked(upstream), events), upstream, vendor)
        assert spoken(sent(gone_on(asked(client), events), upstream, vendor)) == spoken(own)

    check()


def bare(events: Iterable[Event]) -> Iterable[Event]:
    """Without what only one dialect has; calls with ids that every dialect takes as they are."""
    for number, event in enumerate(events):
        changes: dict[str, Any] = {name: None for name in _PRIVATE if getattr(event, name, None) is not None}
        if isinstance(event, ev.ToolCallStart):
            changes["call_id"] = f"call_{number}"
        yield msgspec.structs.replace(event, **changes)


_PRIVATE = ("extra", "item_extra", "item_id", "phase", "namespace", "logprobs")


def spoken(found: list[dict[str, Any]]) -> Any:
    """Without numbers of details, which say only in what order they stand, and without the space between blocks where a
    format has one text for all. Neighbouring messages are one, as are neighbouring texts."""
    out: list[dict[str, Any]] = []
    for message in comparable(found):
        for name in ("reasoning_content", "content"):
            if name in message:
                message[name] = _one_text(message[name])
        details: list[dict[str, Any]] = message.get("reasoning_details") or []
        for detail in details:
            detail.pop("index", None)
        if out and message.keys() == out[-1].keys() == {"type", "role", "content"}:
            out[-1]["content"] = _one_text([*out[-1]["content"], *message["content"]])
        else:
            out.append(message)
    return out


def _one_text(content: Any) -> Any:
    if isinstance(content, str):
        return "".join(content.split())
    joined: list[Any] = []
    for block in content:
        text = block.get("text")
        if isinstance(text, str) and joined and joined[-1].keys() == block.keys() == {"type", "text"}:
            joined[-1] = {**block, "text": joined[-1]["text"] + "".join(text.split())}
        else:
            joined.append({**block, "text": "".join(text.split())} if isinstance(text, str) else block)
    return joined
