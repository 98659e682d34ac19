"""The demo models answer through the real client and the real decoders, in every protocol alike."""

import json
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import pytest
import trio
from trio.testing import MockClock

from hyperinfer.providers.demo import DemoTransport
from hyperinfer.providers.quirks import Protocol
from tests.providers.demo_exchange import CREATED, PROTOCOLS, TOOLS, WEATHER, decode, exchange, hear, judge, request

each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)

WISHES: dict[str, dict[str, Any]] = {
    "text": {},
    "no text of the caller": {"said": " "},
    "reasoning": {"reasoning": True},
    "tool": {"tools": TOOLS},
    "tool without arguments": {"tools": TOOLS, "choice": "clock"},
    "reasoning and tool": {"tools": TOOLS, "reasoning": True},
    "after the tool": {"tools": TOOLS, "result": "Sunny"},
    "reasoning after the tool": {"tools": TOOLS, "result": "Sunny", "reasoning": True},
    "schema": {"schema": WEATHER},
    "schema, cut": {"schema": WEATHER, "limit": 3},
    "text, cut": {"limit": 5},
    "reasoning, cut": {"limit": 5, "reasoning": True},
    "tool, cut": {"limit": 3, "tools": TOOLS},
    "tool, cut at its name": {"limit": 1, "tools": TOOLS},
}
each_wish = pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES.keys())


@each_protocol
async def test_the_text_names_the_protocol_and_quotes_the_caller(protocol: Protocol, autojump_clock: MockClock) -> None:
    heard = hear(await exchange(protocol, request(protocol, "Who are you,\n 你好 👩‍👩‍👧?", stream=True)))
    names = {"openai_chat": "OpenAI Chat Completions", "openai_responses": "OpenAI Responses"}
    assert names.get(protocol, "Anthropic Messages") in heard.text
    assert "“Who are you, 你好 👩‍👩‍👧?”" in heard.text
    assert (heard.stop, heard.reasoning, heard.calls) == ("stop", "", ())


@each_protocol
async def test_a_long_text_is_quoted_in_part(protocol: Protocol, autojump_clock: MockClock) -> None:
    heard = hear(await exchange(protocol, request(protocol, "字" * 100_000)))
    assert "“" + "字" * 79 + "…”" in heard.text
    assert heard.usage.input_tokens > 25_000


@each_protocol
@each_wish
async def test_whole_and_streamed_are_the_same_reply(
    protocol: Protocol, wish: dict[str, Any], autojump_clock: MockClock
) -> None:
    whole = hear(await exchange(protocol, request(protocol, **wish)))
    streamed = hear(await exchange(protocol, request(protocol, **wish, stream=True)))
    assert streamed.counts == whole.counts
    assert (streamed.text, streamed.reasoning, streamed.opaque) == (whole.text, whole.reasoning, whole.opaque)
    assert (streamed.stop, streamed.stop_sequence) == (whole.stop, whole.stop_sequence)
    if whole.stop == "tool_calls":
        assert [(name, json.loads(arguments or "{}")) for name, arguments, _ in streamed.calls] == [
            (name, json.loads(arguments or "{}")) for name, arguments, _ in whole.calls
        ]


@each_protocol
@each_wish
@pytest.mark.parametrize("usage", [True, False])
async def test_the_stream_obeys_the_grammar(
    shared: Path, protocol: Protocol, wish: dict[str, Any], usage: bool, autojump_clock: MockClock
) -> None:
    body = request(protocol, **wish, stream=True)
    if not usage:
        body.pop("stream_options", None)
    assert judge(shared, await exchange(protocol, body), usage=usage) == "ok"


@each_protocol
async def test_reasoning_comes_only_when_it_is_asked_for(protocol: Protocol, autojump_clock: MockClock) -> None:
    asked = hear(await exchange(protocol, request(protocol, reasoning=True)))
    not_asked = hear(await exchange(protocol, request(protocol)))
    assert "Hello there" in asked.reasoning
    assert asked.text == not_asked.text
    assert asked.usage.reasoning == -(-len(asked.reasoning) // 4)
    assert not_asked.reasoning == ""
    assert not_asked.usage.reasoning == 0
    # Chat has no blobs; the others want theirs back.
    assert len(asked.opaque) == (0 if protocol == "openai_chat" else 1)


REASONING: list[tuple[Protocol, dict[str, Any], bool]] = [
    ("openai_chat", {"reasoning_effort": "none"}, False),
    ("openai_chat", {"reasoning_effort": None}, False),
    ("openai_chat", {"reasoning": {"effort": "high"}}, True),
    ("openai_chat", {"reasoning": {"enabled": False}}, False),
    ("openai_chat", {"thinking": {"type": "enabled"}}, True),
    ("openai_chat", {"thinking": {"type": "disabled"}, "reasoning_effort": "high"}, False),
    ("openai_responses", {"reasoning": None}, False),
    ("openai_responses", {"reasoning": {}}, False),
    ("openai_responses", {"reasoning": {"effort": "none", "summary": "auto"}}, False),
    ("openai_responses", {"reasoning": {"summary": "auto"}}, True),
    ("anthropic_messages", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, True),
    ("anthropic_messages", {"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}, False),
    ("anthropic_messages", {"output_config": {"effort": "high"}}, True),
]


@pytest.mark.parametrize(("protocol", "fields", "expected"), REASONING)
async def test_the_ways_to_ask_for_reasoning(
    protocol: Protocol, fields: dict[str, Any], expected: bool, autojump_clock: MockClock
) -> None:
    heard = hear(await exchange(protocol, request(protocol) | fields))
    assert bool(heard.reasoning) is expected


async def test_thinking_that_is_not_displayed_has_a_signature_alone(autojump_clock: MockClock) -> None:
    fields = {"thinking": {"type": "adaptive", "display": "omitted"}, "stream": True}
    heard = hear(await exchange("anthropic_messages", request("anthropic_messages") | fields))
    assert heard.reasoning == ""
    assert len(heard.opaque) == 1
    assert heard.usage.reasoning > 0


async def test_encrypted_reasoning_comes_only_when_it_is_included(autojump_clock: MockClock) -> None:
    body = request("openai_responses", reasoning=True)
    assert hear(await exchange("openai_responses", body)).opaque != ()
    assert hear(await exchange("openai_responses", body | {"include": []})).opaque == ()


@each_protocol
@pytest.mark.parametrize(
    ("choice", "called"),
    [(None, "weather"), ("auto", "weather"), ("required", "weather"), ("clock", "clock"), ("none", None)],
)
async def test_the_first_tool_that_may_be_called_is_called(
    protocol: Protocol, choice: str | None, called: str | None, autojump_clock: MockClock
) -> None:
    heard = hear(await exchange(protocol, request(protocol, tools=TOOLS, choice=choice, stream=True)))
    assert [name for name, _, _ in heard.calls] == ([called] if called else [])
    assert heard.stop == ("tool_calls" if called else "stop")
    assert bool(heard.text) is (called is None)
    for name, arguments, _ in heard.calls:
        jsonschema.validate(json.loads(arguments or "{}"), TOOLS[name])


@each_protocol
async def test_arguments_come_in_pieces(protocol: Protocol, autojump_clock: MockClock) -> None:
    got = await exchange(protocol, request(protocol, tools=TOOLS, stream=True))
    kinds = [type(event).__name__ for event in decode(got)]
    assert kinds.count("ArgumentsDelta") > 2


@each_protocol
async def test_a_result_ends_the_calls(protocol: Protocol, autojump_clock: MockClock) -> None:
    heard = hear(await exchange(protocol, request(protocol, tools=TOOLS, choice="required", result="Sunny, 21 °C")))
    assert heard.calls == ()
    assert "Sunny, 21 °C" in heard.text
    assert heard.stop == "stop"


@each_protocol
async def test_after_a_finished_call_the_next_question_is_answered_with_a_call_again(
    protocol: Protocol, autojump_clock: MockClock
) -> None:
    body = request(protocol, tools=TOOLS, result="Sunny")
    turns = body["input" if protocol == "openai_responses" else "messages"]
    turns += [{"role": "assistant", "content": "It is sunny."}, {"role": "user", "content": "And tomorrow?"}]
    heard = hear(await exchange(protocol, body))
    assert [name for name, _, _ in heard.calls] == ["weather"]


@each_protocol
async def test_call_ids_differ_from_turn_to_turn(protocol: Protocol, autojump_clock: MockClock) -> None:
    """A conversation holds the ids of all its calls, and two that are the same could not be told apart."""
    first = await exchange(protocol, request(protocol, "one", tools=TOOLS))
    second = await exchange(protocol, request(protocol, "two", tools=TOOLS))
    again = await exchange(protocol, request(protocol, "one", tools=TOOLS))
    assert _call_id(first.json) != _call_id(second.json)
    assert again.body == first.body


@each_protocol
async def test_a_structured_answer_fits_its_schema(protocol: Protocol, autojump_clock: MockClock) -> None:
    heard = hear(await exchange(protocol, request(protocol, "Oslo", schema=WEATHER, stream=True)))
    value = json.loads(heard.text)
    jsonschema.validate(value, WEATHER)
    assert value["place"] == "Oslo"


async def test_json_of_any_shape(autojump_clock: MockClock) -> None:
    chat = request("openai_chat") | {"response_format": {"type": "json_object"}}
    assert json.loads(hear(await exchange("openai_chat", chat)).text) == {"reply": "Hello there"}
    responses = request("openai_responses") | {"text": {"format": {"type": "json_object"}}}
    assert json.loads(hear(await exchange("openai_responses", responses)).text) == {"reply": "Hello there"}


@each_protocol
@pytest.mark.parametrize("limit", [1, 5, 30])
async def test_the_limit_holds(protocol: Protocol, limit: int, autojump_clock: MockClock) -> None:
    full = hear(await exchange(protocol, request(protocol, reasoning=True)))
    heard = hear(await exchange(protocol, request(protocol, reasoning=True, limit=limit, stream=True)))
    assert heard.stop == "length"
    assert heard.usage.output_tokens == limit
    assert full.reasoning.startswith(heard.reasoning)
    assert full.text.startswith(heard.text)
    exact = full.usage.output_tokens
    assert hear(await exchange(protocol, request(protocol, reasoning=True, limit=exact))).stop == "stop"
    assert hear(await exchange(protocol, request(protocol, reasoning=True, limit=exact - 1))).stop == "length"


async def test_a_limit_of_nothing_warms_the_cache(autojump_clock: MockClock) -> None:
    heard = hear(await exchange("anthropic_messages", request("anthropic_messages", limit=0)))
    assert (heard.text, heard.stop, heard.usage.output_tokens) == ("", "length", 0)


@pytest.mark.parametrize("protocol", ["openai_chat", "anthropic_messages"])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_stop_sequence_ends_the_text_before_it(protocol: Protocol, stream: bool, autojump_clock: MockClock) -> None:
    body = request(protocol, stops=["nowhere", "wrote", "model"], stream=stream)
    heard = hear(await exchange(protocol, body))
    assert heard.text == "Hello! This is the demo "
    assert heard.usage.output_tokens == 6
    if protocol == "anthropic_messages":
        assert (heard.stop, heard.stop_sequence) == ("stop_sequence", "model")
    else:
        assert heard.stop == "stop"


@each_protocol
async def test_a_stop_sequence_at_once_leaves_no_text(shared: Path, protocol: Protocol, autojump_clock: MockClock) -> None:
    if protocol == "openai_responses":
        return  # it has none
    got = await exchange(protocol, request(protocol, stops=["Hello"], stream=True))
    assert hear(got).text == ""
    assert judge(shared, got, usage=True) == "ok"


@each_protocol
@each_wish
async def test_usage_adds_up(protocol: Protocol, wish: dict[str, Any], autojump_clock: MockClock) -> None:
    heard = hear(await exchange(protocol, request(protocol, **wish)))
    written = -(-len(heard.text) // 4) + -(-len(heard.reasoning) // 4)
    called = sum(-(-len(name + arguments) // 4) for name, arguments, _ in heard.calls)
    if heard.stop != "length":
        assert heard.usage.output_tokens == written + called
    assert heard.usage.reasoning <= heard.usage.output_tokens
    assert (heard.usage.cache_read, heard.usage.cache_write) == (0, 0)


async def test_custom_tools_get_free_text(shared: Path, autojump_clock: MockClock) -> None:
    custom = {"type": "custom", "name": "patch"}
    body = request("openai_responses", stream=True) | {"tools": [{"type": "web_search"}, custom]}
    got = await exchange("openai_responses", body)
    assert hear(got).calls == (("patch", "demo", "custom"),)
    assert judge(shared, got, usage=True) == "ok"
    chat = request("openai_chat", stream=True) | {"tools": [{"type": "custom", "custom": {"name": "patch"}}]}
    assert hear(await exchange("openai_chat", chat)).calls == (("patch", "demo", "custom"),)


async def test_a_tool_in_a_namespace_is_called_by_both_names(autojump_clock: MockClock) -> None:
    inner = {"type": "function", "name": "open", "parameters": None}
    body = request("openai_responses") | {"tools": [{"type": "namespace", "name": "files", "tools": [inner]}]}
    (item,) = (await exchange("openai_responses", body)).json["output"]
    assert (item["namespace"], item["name"], item["arguments"]) == ("files", "open", "{}")


async def test_tools_of_the_vendor_are_not_called(autojump_clock: MockClock) -> None:
    hosted = {"type": "web_search_20250305", "name": "web_search"}
    late = {"name": "late", "input_schema": {"type": "object"}, "defer_loading": True}
    heard = hear(await exchange("anthropic_messages", request("anthropic_messages") | {"tools": [hosted, late]}))
    assert heard.calls == ()


async def test_a_response_repeats_its_request(autojump_clock: MockClock) -> None:
    body = request("openai_responses", tools=TOOLS, choice="none")
    body |= {"instructions": "Be brief.", "metadata": {"a": "b"}, "temperature": 0.5, "reasoning": {"effort": None}}
    response = (await exchange("openai_responses", body)).json
    assert response["instructions"] == "Be brief."
    assert response["metadata"] == {"a": "b"}
    assert response["temperature"] == 0.5
    assert response["tools"] == body["tools"]
    assert response["tool_choice"] == "none"
    assert response["text"] == {"format": {"type": "text"}, "verbosity": "medium"}
    assert response["created_at"] == CREATED


@each_protocol
@pytest.mark.parametrize(
    ("body", "about"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"[]", "object"),
        (b"{}", "model"),
        (b'{"model": 1}', "model"),
        (b"\xff", ""),
    ],
)
async def test_a_malformed_body_is_refused(protocol: Protocol, body: bytes, about: str, autojump_clock: MockClock) -> None:
    got = await exchange(protocol, body)
    assert (got.status, got.content_type) == (400, "application/json")
    assert got.json["error"]["type"] == "invalid_request_error"
    assert about in str(got.json["error"])
    if protocol == "anthropic_messages":
        assert got.json["type"] == "error"
        assert got.json["request_id"].startswith("req_")
    else:
        assert set(got.json["error"]) == {"message", "type", "param", "code"}


@each_protocol
async def test_a_malformed_body_is_refused_naming_the_field(protocol: Protocol, autojump_clock: MockClock) -> None:
    place = "input" if protocol == "openai_responses" else "messages"
    for value in ([], [3]):
        error = (await exchange(protocol, request(protocol) | {place: value})).json["error"]
        assert place in error["message"] + str(error.get("param"))


async def test_several_choices_are_refused(autojump_clock: MockClock) -> None:
    got = await exchange("openai_chat", request("openai_chat") | {"n": 2})
    assert (got.status, got.json["error"]["param"]) == (400, "n")


@each_protocol
async def test_a_schema_without_a_value_is_refused(protocol: Protocol, autojump_clock: MockClock) -> None:
    endless = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    assert (await exchange(protocol, request(protocol, schema=endless))).status == 400
    assert (await exchange(protocol, request(protocol, tools={"t": endless}))).status == 400


@pytest.mark.parametrize(("method", "path"), [("GET", "/responses"), ("POST", "/messages/count_tokens"), ("POST", "/")])
async def test_other_addresses_are_not_found(method: str, path: str) -> None:
    async with httpx2.AsyncClient(transport=DemoTransport(now=lambda: CREATED), base_url="demo://chat") as client:
        assert (await client.request(method, path)).status_code == 404


@each_protocol
@each_wish
async def test_time_goes_by_as_recorded(protocol: Protocol, wish: dict[str, Any], autojump_clock: MockClock) -> None:
    got = await exchange(protocol, request(protocol, **wish, stream=True))
    times = [at for at, _ in got.chunks]
    assert times[0] <= 0.05
    assert times == sorted(set(times))
    assert times[-1] <= 0.6
    whole = await exchange(protocol, request(protocol, **wish))
    assert [at for at, _ in whole.chunks] == [pytest.approx(0.32)]


@each_protocol
async def test_the_pace_is_a_factor(protocol: Protocol, autojump_clock: MockClock) -> None:
    body = request(protocol, stream=True)
    usual = await exchange(protocol, body)
    slow = await exchange(protocol, body, pace=3)
    at_once = await exchange(protocol, body, pace=0)
    assert [at for at, _ in slow.chunks] == pytest.approx([3 * at for at, _ in usual.chunks])
    assert {at for at, _ in at_once.chunks} == {0}
    assert at_once.body == slow.body == usual.body
    assert usual.chunks[-1][0] > 0.3


@each_protocol
async def test_a_reply_can_be_left_at_any_time(protocol: Protocol, autojump_clock: MockClock) -> None:
    for after in range(0, 500, 20):
        with trio.move_on_after(after / 1000) as scope:
            await exchange(protocol, request(protocol, stream=True))
        if scope.cancelled_caught:
            assert trio.current_time() == pytest.approx(scope.deadline)


def _call_id(reply: Any) -> str:
    if "choices" in reply:
        return str(reply["choices"][0]["message"]["tool_calls"][0]["id"])
    (item,) = reply.get("output") or reply["content"]
    return str(item.get("call_id") or item["id"])
