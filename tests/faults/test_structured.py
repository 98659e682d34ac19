"""Faults of area structured: answers of a demanded shape."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.faults.kit import ALL, CHAT, MESSAGES, RESPONSES, Case, Seen, fault, reaching, through
from tests.faults.reading import frames_of, parsed, read
from tests.faults.test_stream_blocks import calls_from
from tests.faults.wire import chat_ending, chat_whole, chunk, event, message_whole, response_whole, text_item
from tests.support.bench import catalogue
from tests.support.shapes import HIDDEN

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"response": {"type": "string"}, "score": {"type": "integer"}},
    "required": ["response", "score"],
    "additionalProperties": False,
}
OBJECT = {"response": "yes", "score": 3}
TEXT = json.dumps(OBJECT)
NESTED = json.dumps({"response": OBJECT})

ASK_FOR_SCHEMA: dict[Dialect, dict[str, Any]] = {
    CHAT: {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}},
    RESPONSES: {"text": {"format": {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}}},
    MESSAGES: {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
}
ASK_FOR_OBJECT: dict[Dialect, dict[str, Any]] = {
    CHAT: {"response_format": {"type": "json_object"}},
    RESPONSES: {"text": {"format": {"type": "json_object"}}},
}


def _told_to_answer_in_json(body: Any) -> None:
    shape = body.get("output_config", {}).get("format") or body.get("response_format") or body.get("text", {}).get("format")
    assert (shape and shape["type"] in ("json_schema", "json_object")) or "JSON" in json.dumps(body.get("system", "")), body


_DROPPED = {"model": "up", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}

test_F117_a_wish_for_json_reaches_the_model = fault(
    *[
        reaching(client, upstream, _told_to_answer_in_json, [_DROPPED], ask=ask)
        for client, ask in ASK_FOR_OBJECT.items()
        for upstream in ALL
    ],
    *[
        reaching(
            client,
            MESSAGES,
            _told_to_answer_in_json,
            [_DROPPED],
            ask=ask,
            catalogue=catalogue("quirks: {json_schema: instruction}"),
            label="no schemas",
        )
        for client, ask in ASK_FOR_SCHEMA.items()
    ],
)

PIECES = (TEXT[:9], TEXT[9:20], TEXT[20:])


def _in_pieces(upstream: Dialect) -> list[bytes]:
    """The stream of the object, cut between its text deltas."""
    whole = calls_from(upstream, text="@")
    if upstream == CHAT:
        return [*(chunk({"role": "assistant", "content": piece}) for piece in PIECES), chat_ending()]
    mark = b"event: content_block_delta" if upstream == MESSAGES else b"event: response.output_text.delta"
    before, after = whole.split(mark, 1)
    delta, after = after.split(b"\n\n", 1)
    encoded = [json.dumps(piece)[1:-1].encode() for piece in PIECES]
    deltas = [mark + delta.replace(b"@", piece) + b"\n\n" for piece in encoded]
    full = json.dumps(TEXT)[1:-1].encode()
    return [before + deltas[0], *deltas[1:], after.replace(b"@", full)]


def _renumbered(pieces: list[bytes]) -> bytes:
    """As one stream, its sequence numbers without gaps."""
    frames = frames_of(b"".join(pieces), named=True)
    return b"".join(event(kind, **{**data, "sequence_number": number}) for number, (kind, data) in enumerate(frames))


def _in_deltas(seen: Seen) -> None:
    found = read(seen)
    assert parsed(found.text) == OBJECT
    assert found.calls == []
    deltas = 0
    for _, data in frames_of(seen.body, named=seen.client != CHAT):
        if seen.client == CHAT:
            deltas += bool(data and data["choices"] and data["choices"][0]["delta"].get("content"))
        else:
            deltas += data["type"] in ("content_block_delta", "response.output_text.delta")
    assert deltas == len(PIECES), f"{deltas} deltas"


test_F118_a_structured_answer_streams_as_text = fault(
    *[
        through(
            client,
            upstream,
            [_renumbered(_in_pieces(upstream))] if upstream == RESPONSES else _in_pieces(upstream),
            _in_deltas,
            [calls_from(client, text=TEXT), calls_from(client)],
            ask=ASK_FOR_SCHEMA[client],
        )
        for client in ALL
        for upstream in ALL
    ]
)


def _exactly_the_object(seen: Seen) -> None:
    found = read(seen)
    assert parsed(found.text) == OBJECT
    assert (found.calls, found.kinds) == ([], ["text"])
    assert found.stop in ("stop", "end_turn", "completed")
    assert all("tools" not in json.loads(body) for body in seen.asked)


def _whole(dialect: Dialect, text: str) -> bytes:
    if dialect == CHAT:
        return chat_whole({"content": text})
    return message_whole({"type": "text", "text": text}) if dialect == MESSAGES else response_whole(text_item(text))


def _object_cases(client: Dialect, upstream: Dialect) -> list[Case[Seen]]:
    ask = ASK_FOR_SCHEMA[client]
    whole = through(
        client, upstream, _whole(upstream, TEXT), _exactly_the_object, [_whole(client, NESTED)], stream=False, ask=ask
    )
    stream = through(
        client,
        upstream,
        calls_from(upstream, text=TEXT),
        _exactly_the_object,
        [calls_from(client, text=NESTED), calls_from(client, ("json_tool_call", TEXT))],
        ask=ask,
    )
    return [whole, stream]


def _exactly_what_the_tool_was_given(seen: Seen) -> None:
    found = read(seen)
    assert parsed(found.text) == OBJECT
    assert (found.calls, found.kinds) == ([], ["text"])
    assert found.stop in ("stop", "end_turn", "completed")
    assert HIDDEN not in seen.body.decode()


def _hidden_cases(client: Dialect, upstream: Dialect) -> Case[Seen]:
    """A provider without schemas, whose hidden tool is called beside words."""
    return through(
        client,
        upstream,
        calls_from(upstream, (HIDDEN, TEXT), text="Here it is."),
        _exactly_what_the_tool_was_given,
        [
            calls_from(client, text=NESTED),
            calls_from(client, (HIDDEN, TEXT)),
            calls_from(client, text="Here it is." + TEXT),
            calls_from(client, (HIDDEN, "{}"), text=TEXT),
        ],
        ask=ASK_FOR_SCHEMA[client],
        catalogue=catalogue("quirks: {json_schema: tool}"),
        label="hidden tool",
    )


test_F119_the_content_is_exactly_the_object = fault(
    *[case for client in ALL for upstream in ALL for case in _object_cases(client, upstream)],
    *[_hidden_cases(client, upstream) for client in ALL for upstream in ALL],
)
