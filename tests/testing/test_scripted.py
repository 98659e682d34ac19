"""How a scripted upstream chooses its answers, what it says of what it did not expect, and what SDKs make of its errors."""

from __future__ import annotations

from typing import Any

import anthropic
import httpx2
import openai
import pytest

from hyperinfer.testing import (
    ErrorEvent,
    HttpError,
    RawReply,
    Received,
    Reply,
    Reset,
    ScriptedUpstream,
    Text,
    ToolCall,
)
from tests.testing.clients import Carrier, clients

MESSAGES: Any = [{"role": "user", "content": "hi"}]


def ask(upstream: ScriptedUpstream, model: str = "m", said: str = "hi") -> str:
    """What a model says by Chat Completions."""
    with openai.OpenAI(api_key="k", max_retries=0, http_client=httpx2.Client(transport=upstream.transport())) as client:
        reply = client.chat.completions.create(model=model, messages=[{"role": "user", "content": said}])
        return reply.choices[0].message.content or ""


def test_answers_come_in_order_by_model_and_by_function() -> None:
    def shout(request: Received) -> str:
        return request.said.upper()

    with ScriptedUpstream(
        "one", shout, by_model={"small": ["s1", Reply("s2")]}, answer=lambda r: f"else {r.model}"
    ) as upstream:
        upstream.add("three")
        upstream.add("s3", model="small")
        upstream.add("l1", model="large")
        heard = [ask(upstream), ask(upstream, "small"), ask(upstream, said="quiet"), ask(upstream, "small")]
        assert heard == ["one", "s1", "QUIET", "s2"]
        assert [ask(upstream, model) for model in ("m", "small", "large", "m")] == ["three", "s3", "l1", "else m"]


def test_a_request_too_many_is_told_to_the_client_and_the_test() -> None:
    upstream = ScriptedUpstream("one")
    ask(upstream)
    with pytest.raises(
        openai.BadRequestError, match=r"did not expect <request 1: POST .*'hi'>: the script has no more answers"
    ):
        ask(upstream)
    with pytest.raises(
        AssertionError, match="unexpected <request 1: POST /v1/chat/completions, model 'm', 'hi'>: the script has"
    ):
        upstream.check()


def test_a_request_too_many_for_one_model() -> None:
    upstream = ScriptedUpstream("other", by_model={"small": []})
    with pytest.raises(openai.BadRequestError, match="the script for 'small' has no more answers"):
        ask(upstream, "small")


def test_answers_that_nobody_asked_for_fail_the_test() -> None:
    words = "for 2 answers of the script, the next of them 'two', and for 1 answer of the script for 'small', 's'"
    with pytest.raises(AssertionError, match=f"nobody asked {words}"):  # noqa: SIM117
        with ScriptedUpstream("one", "two", "three", by_model={"small": ["s"]}) as upstream:
            ask(upstream)


def test_what_is_no_answer_is_refused_before_anybody_asks() -> None:
    step: Any = 42
    with pytest.raises(TypeError, match=r"an answer is one of Reply, .* not 42"):
        ScriptedUpstream(step)
    text: Any = Text("a part")
    with pytest.raises(TypeError, match="; a part is put into a Reply"):
        ScriptedUpstream(text)
    steps: Any = ["one", "two"]
    with pytest.raises(TypeError, match=r"not \['one', 'two'\]; a list is given step by step"):
        ScriptedUpstream(steps)
    with pytest.raises(TypeError, match="not 42"):
        ScriptedUpstream(by_model={"m": ["one", step]})
    upstream = ScriptedUpstream()
    with pytest.raises(TypeError, match="not 42"):
        upstream.add(step)


def test_what_is_no_reply_is_refused_where_it_is_written() -> None:
    wrong: Any = "lenght"
    with pytest.raises(ValueError, match=r"stop is one of end, length, .* not 'lenght'"):
        Reply("Hi", stop=wrong)
    part: Any = HttpError(500)
    with pytest.raises(TypeError, match=r"a part is one of Text, .* or text, not HttpError"):
        Reply(part)
    with pytest.raises(ValueError, match="split is a number of characters or bytes from 1 on, not 0"):
        Text("Hi", split=0)
    with pytest.raises(TypeError, match="not JSON serializable"):
        ToolCall("now", {"at": object()})


def test_the_failure_of_the_test_itself_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), ScriptedUpstream("one"):
        _ = 1 / 0


def test_what_a_function_raises_is_the_tests() -> None:
    def strict(request: Received) -> str:
        assert request.said == "something else", request.said
        return "well"

    upstream = ScriptedUpstream(answer=strict)
    with pytest.raises(openai.BadRequestError, match="AssertionError"):
        ask(upstream)
    with pytest.raises(AssertionError, match="hi"):
        upstream.check()


def test_what_is_no_answer_is_told() -> None:
    wrong: Any = Text("a part")
    upstream = ScriptedUpstream(lambda request: wrong, by_model={"m": Reply("one step")})
    assert ask(upstream) == "one step"
    with pytest.raises(openai.BadRequestError, match="an answer is one of"):
        ask(upstream, "other")
    with pytest.raises(
        TypeError, match=r"Stall, text, or a function of the request that gives one, not Text\(pieces=\('a part',\)"
    ):
        upstream.check()


def test_a_place_where_nothing_is_served() -> None:
    upstream = ScriptedUpstream()
    with clients(upstream, "transport") as with_clients:
        with pytest.raises(openai.NotFoundError, match="nothing is served at /v1/embeddings"):
            with_clients.openai.embeddings.create(model="m", input="a")
        with pytest.raises(anthropic.NotFoundError, match="nothing is served at /v1/models/unknown"):
            with_clients.anthropic.models.retrieve("unknown")
    with pytest.raises(AssertionError, match=r"(?s)/v1/embeddings.*/v1/models/unknown"):
        upstream.check()


@pytest.mark.parametrize(
    ("status", "of_openai", "of_anthropic", "kind"),
    [
        (400, openai.BadRequestError, anthropic.BadRequestError, "invalid_request_error"),
        (401, openai.AuthenticationError, anthropic.AuthenticationError, "authentication_error"),
        (403, openai.PermissionDeniedError, anthropic.PermissionDeniedError, "permission_error"),
        (404, openai.NotFoundError, anthropic.NotFoundError, "not_found_error"),
        (429, openai.RateLimitError, anthropic.RateLimitError, "rate_limit_error"),
        (500, openai.InternalServerError, anthropic.InternalServerError, "api_error"),
        (529, openai.InternalServerError, anthropic.InternalServerError, "overloaded_error"),
    ],
)
def test_errors_are_what_the_sdks_make_of_the_real_ones(status: int, of_openai: Any, of_anthropic: Any, kind: str) -> None:
    answer = HttpError(status, "So it is", retry_after=7)
    with ScriptedUpstream(answer, answer, answer) as upstream, clients(upstream, "transport") as with_clients:
        with pytest.raises(of_openai, match="So it is") as chat:
            with_clients.openai.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        with pytest.raises(of_openai, match="So it is"):
            with_clients.openai.responses.create(model="m", input="hi")
        with pytest.raises(of_anthropic, match="So it is") as told:
            with_clients.anthropic.messages.create(model="m", max_tokens=9, messages=MESSAGES)
    assert chat.value.response.headers["retry-after"] == "7"
    assert chat.value.request_id.startswith("req_")
    assert told.value.body["error"]["type"] == kind
    assert told.value.request_id == told.value.body["request_id"]


@pytest.mark.parametrize("carrier", ["port", "transport"])
def test_errors_within_streams_reach_the_sdks(carrier: Carrier) -> None:
    reply = Reply("Hel", ErrorEvent(529, "Too busy"))
    with ScriptedUpstream(reply, reply, reply) as upstream, clients(upstream, carrier) as with_clients:
        with pytest.raises(openai.APIError, match="Too busy"):
            list(with_clients.openai.chat.completions.create(model="m", messages=MESSAGES, stream=True))
        with pytest.raises(openai.APIError, match="Too busy"):
            list(with_clients.openai.responses.create(model="m", input="hi", stream=True))
        with pytest.raises(anthropic.APIStatusError, match="Too busy"):
            list(with_clients.anthropic.messages.create(model="m", max_tokens=9, messages=MESSAGES, stream=True))


@pytest.mark.parametrize("carrier", ["port", "transport"])
def test_a_broken_connection_reaches_the_sdks(carrier: Carrier) -> None:
    with ScriptedUpstream(Reset(), Reply("Hel", Reset())) as upstream, clients(upstream, carrier) as with_clients:
        with pytest.raises(openai.APIConnectionError):
            with_clients.openai.chat.completions.create(model="m", messages=MESSAGES)
        with pytest.raises((openai.APIConnectionError, httpx2.ReadError)):
            list(with_clients.openai.chat.completions.create(model="m", messages=MESSAGES, stream=True))


def test_a_page_of_a_proxy() -> None:
    page = RawReply(b"<html>Bad gateway</html>", status=502, headers={"content-type": "text/html"})
    with ScriptedUpstream(page) as upstream, pytest.raises(openai.InternalServerError) as error:
        ask(upstream)
    assert error.value.response.text == "<html>Bad gateway</html>"


def test_a_loop_of_tools_in_each_protocol() -> None:
    def second(request: Received) -> Reply:
        (result,) = request.tool_results.values()
        return Reply(f"It is {result}.")

    tool: Any = {"name": "now", "description": "The time", "parameters": {"type": "object", "properties": {}}}
    call = Reply(ToolCall("now", id="call_1"))
    with ScriptedUpstream(call, second, call, second, call, second) as upstream, clients(upstream, "port") as with_clients:
        chat: list[Any] = list(MESSAGES)
        tools: Any = [{"type": "function", "function": tool}]
        message = with_clients.openai.chat.completions.create(model="m", messages=chat, tools=tools).choices[0].message
        chat += [message, {"role": "tool", "tool_call_id": "call_1", "content": "noon"}]
        reply = with_clients.openai.chat.completions.create(model="m", messages=chat, tools=tools)
        assert reply.choices[0].message.content == "It is noon."

        items: list[Any] = list(MESSAGES)
        flat: Any = [{"type": "function", **tool}]
        items += with_clients.openai.responses.create(model="m", input=items, tools=flat).output
        items.append({"type": "function_call_output", "call_id": "call_1", "output": "noon"})
        assert with_clients.openai.responses.create(model="m", input=items, tools=flat).output_text == "It is noon."

        turns: list[Any] = list(MESSAGES)
        schemas: Any = [{"name": "now", "input_schema": tool["parameters"]}]
        asked: Any = {"model": "m", "max_tokens": 9, "tools": schemas}
        messages: Any = with_clients.anthropic.messages
        first = messages.create(messages=turns, **asked)
        turns.append({"role": "assistant", "content": first.content})
        turns.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "noon"}]})
        last = messages.create(messages=turns, **asked)
        assert [block.text for block in last.content] == ["It is noon."]
    for request in upstream.requests:
        assert (request.tool_names, request.said, request.model) == (["now"], "hi", "m")
        assert [tool.name for tool in request.conversation.tools] == ["now"]
    assert [len(request.messages) for request in upstream.requests] == [1, 3, 1, 3, 1, 3]


def test_requests_are_kept_in_parsed_form() -> None:
    with ScriptedUpstream("a", "b", "c", tokens=7) as upstream, clients(upstream, "transport") as with_clients:
        chat: Any = [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        ]
        with_clients.openai.chat.completions.create(
            model="x", messages=chat, extra_headers={"X-A": "1"}, extra_query={"q": "2"}
        )
        with_clients.openai.responses.create(model="y", instructions="Be kind.", input="hi")
        with_clients.anthropic.messages.create(model="z", max_tokens=9, system="Be kind.", messages=MESSAGES)
    assert [request.dialect for request in upstream.requests] == ["openai_chat", "openai_responses", "anthropic_messages"]
    assert [(request.system, request.said) for request in upstream.requests] == [("Be kind.", "hi")] * 3
    assert [request.model for request in upstream.requests] == ["x", "y", "z"]
    first = upstream.requests[0]
    assert (first.headers["x-a"], first.query, first.streamed, first.messages) == ("1", "q=2", False, chat)
    assert first.headers["authorization"] == "Bearer k"
    assert first.json["messages"] == chat


def test_a_body_that_is_no_json_is_kept_too() -> None:
    with ScriptedUpstream("a") as upstream, httpx2.Client(transport=upstream.transport()) as client:
        client.post("http://a.test/chat/completions", content=b"[1")
    (request,) = upstream.requests
    assert (request.json, request.messages, request.model, request.said) == ({}, [], "", "")


def test_text_in_pieces() -> None:
    assert Text("Hello", split=2).pieces == ("He", "ll", "o")
    assert Text("a", "", "b").pieces == ("a", "b")
    assert ToolCall("f", {"a": 1}, split=3).pieces == ('{"a', '":1', "}")
    assert ToolCall("f", ["{", "}"]).text == "{}"
