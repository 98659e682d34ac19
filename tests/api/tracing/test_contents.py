"""What is asked and answered, on the spans of a gateway that was told to have it there; and nowhere on those of another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hyperinfer.api.recording.redaction import REDACTED
from hyperinfer.api.tracing.contents import Contents
from hyperinfer.api.tracing.fitting import CUT
from hyperinfer.api.tracing.otlp import Writer
from hyperinfer.providers.secret import Secret
from tests.api.tracing.test_counting import JSON, ask
from tests.support.bench import DIALECTS, bench, catalogue
from tests.support.replies import STREAMS
from tests.support.tool_rounds import ScriptedTool, call, found, switched_on, text, thought, tooling, upstream
from tests.support.traced import keeping, spans
from tests.support.upstreams import NEVER, Piece, Script

if TYPE_CHECKING:
    from hyperinfer.api.tracing.spans import Span, Trace
    from hyperinfer.formats import Dialect

CATALOGUE = catalogue()


def capturing(most: int = 10_000) -> Contents:
    return Contents(lambda: CATALOGUE, (Secret("the-console-token"),), most=most)


def told(span: Span) -> dict[str, Any]:
    return {name.removeprefix("gen_ai."): json.loads(data) for name, data in (span.contents or {}).items()}


async def exported(trace: Trace) -> bytes:
    return await Writer({}, "1").batch([trace])


@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("protocol", DIALECTS)
async def test_streamed_and_whole_are_told_alike(client: Dialect, protocol: Dialect, autojump_clock: object) -> None:
    blocks = [text("Let me see."), call("weather", "call_1", city="Paris"), call("weather", "call_2")]
    if protocol != "openai_chat":
        blocks.insert(0, thought("Hm.", "s1gned", protocol))
    said: list[dict[str, Any]] = [{"type": "text", "content": "Let me see."},
            {"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {"city": "Paris"}},
            {"type": "tool_call", "id": "call_2", "name": "weather", "arguments": {}}]  # fmt: skip
    if protocol != "openai_chat":
        said.insert(0, {"type": "reasoning", "content": "Hm."})
    for stream in (True, False):
        tracer, kept = keeping(contents=capturing())
        async with bench(upstream(protocol, *blocks, stream=stream), tracer=tracer) as gateway:
            await gateway.ask(client, protocol, stream=stream)
        (span,) = spans(kept.one, "chat")
        assert told(span) == {
            "input.messages": [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}],
            "output.messages": [{"role": "assistant", "finish_reason": "tool_call", "parts": said}],
        }
        assert "hyperinfer.cut" not in span.attributes
        data = await exported(kept.one)
        assert b'"content":"Let me see."' in data
        assert b"s1gned" not in data


async def test_answers_that_are_several(autojump_clock: object) -> None:
    def chunk(index: int, delta: dict[str, Any], finish: str | None = None) -> Piece:
        choices = [{"index": index, "delta": delta, "finish_reason": finish}]
        return 0.1, f"data: {json.dumps({'id': 'c', 'model': 'up', 'choices': choices})}\n\n".encode()

    pieces = [chunk(1, {"content": "b"}), chunk(0, {"content": "a"}), chunk(1, {"content": "B"}), chunk(0, {"content": "A"}),
              chunk(1, {}, "length"), chunk(0, {}, "stop"), (0.1, b"data: [DONE]\n\n")]  # fmt: skip
    tracer, kept = keeping(contents=capturing())
    async with bench(Script(pieces), tracer=tracer) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=True, n=2)
    (span,) = spans(kept.one, "chat")
    assert told(span)["output.messages"] == [
        {"role": "assistant", "finish_reason": "stop", "parts": [{"type": "text", "content": "aA"}]},
        {"role": "assistant", "finish_reason": "length", "parts": [{"type": "text", "content": "bB"}]},
    ]


async def test_tools_and_rounds(autojump_clock: object) -> None:
    tool = ScriptedTool(steps=[(1.0, found("it is\nfound"))])
    tracer, kept = keeping(contents=capturing())
    rounds = [upstream("openai_chat", call("web_search", query="a"), stream=True),
              upstream("openai_chat", text("Here."), stream=True)]  # fmt: skip
    async with bench(*rounds, tracer=tracer, tooling=tooling(tool)) as gateway:
        body = switched_on("openai_chat", "web_search")
        await gateway.ask("openai_chat", "openai_chat", stream=True, **body)
    first, second = spans(kept.one, "chat")
    (run,) = spans(kept.one, "execute_tool")
    assert run.contents == {"gen_ai.tool.call.arguments": b'{"query":"a"}', "gen_ai.tool.call.result": b"it is\nfound"}
    assert [tool["name"] for tool in told(first)["tool.definitions"]] == ["web_search"]
    assert [message["role"] for message in told(second)["input.messages"]] == ["user", "assistant", "tool"]
    called, answered = (message["parts"][0] for message in told(second)["input.messages"][1:])
    assert (called["type"], called["arguments"]) == ("tool_call", {"query": "a"})
    assert (answered["type"], answered["id"]) == ("tool_call_response", called["id"])
    assert "\nit is\nfound\n" in answered["response"]  # in the words in which the model is told it
    assert told(second)["output.messages"][0]["parts"] == [{"type": "text", "content": "Here."}]


async def test_attempts_that_failed(autojump_clock: object) -> None:
    busy = Script([(0.0, b"{}")], status=503, headers={"content-type": "application/json"})
    pieces: list[Piece] = [(0.5, piece) for piece in STREAMS["openai_chat"][:-1]]
    tracer, kept = keeping(contents=capturing())
    async with bench(busy, Script([*pieces[:2], NEVER]), tracer=tracer) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=True, leaves_at=20.0)
    first, second = spans(kept.one, "chat")
    assert told(first) == {"input.messages": told(second)["input.messages"]}
    assert (first.contents or {})["gen_ai.input.messages"] is (second.contents or {})["gen_ai.input.messages"]
    (answer,) = told(second)["output.messages"]
    assert answer["finish_reason"] == "cut_short"
    assert answer["parts"][0]["type"] == "text"


async def test_a_count_is_told_what_is_counted(autojump_clock: object) -> None:
    tracer, kept = keeping(contents=capturing())
    async with bench(Script([(0.5, b'{"input_tokens": 77}')], headers=JSON), tracer=tracer) as gateway:
        await ask(gateway, "anthropic_messages")
    (span,) = spans(kept.one, "count_tokens")
    assert told(span) == {"input.messages": [{"role": "user", "parts": [{"type": "text", "content": "private words"}]}]}


@pytest.mark.parametrize("stream", [True, False])
async def test_known_secrets_are_not_in_it(stream: bool, autojump_clock: object) -> None:
    tracer, kept = keeping(contents=capturing())
    async with bench(catalogue=CATALOGUE, tracer=tracer) as gateway:
        told_too = f"yours: {gateway.secret}, theirs: sk-secret-openai_chat, ours: the-console-token"
        reply = upstream("openai_chat", text(told_too), call("f", key=gateway.secret), stream=stream)
        gateway.transport.scripts.append(reply)
        await gateway.ask("openai_chat", "openai_chat", stream=stream, messages=[{"role": "user", "content": told_too}])
    (span,) = spans(kept.one, "chat")
    redacted = f"yours: {REDACTED}, theirs: {REDACTED}, ours: {REDACTED}"
    assert told(span)["input.messages"][0]["parts"][0]["content"] == redacted
    said, called = told(span)["output.messages"][0]["parts"]
    assert (said["content"], called["arguments"]) == (redacted, {"key": REDACTED})
    data = await exported(kept.one)
    assert not [each for each in (gateway.secret, "sk-secret", "the-console-token") if each.encode() in data]


@pytest.mark.parametrize("stream", [True, False])
async def test_what_is_too_long_is_cut(stream: bool, autojump_clock: object) -> None:
    tracer, kept = keeping(contents=capturing(most=500))
    history = [{"role": "user", "content": f"{number} " + "x" * 150} for number in range(9)]
    reply = upstream("openai_chat", text("y" * 9000), stream=stream)
    async with bench(reply, tracer=tracer) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=stream, messages=history)
    (span,) = spans(kept.one, "chat")
    assert all(len(data) <= 500 for data in (span.contents or {}).values())
    assert kept.one.content_bytes == sum(map(len, (span.contents or {}).values()))
    contents = [message["parts"][0]["content"] for message in told(span)["input.messages"]]
    assert contents[-1] == history[-1]["content"]
    assert contents[-2] == history[-2]["content"]
    assert len(contents) == 3
    assert contents[0].endswith(CUT)
    (answer,) = told(span)["output.messages"]
    assert answer["parts"][0]["content"].endswith("y" + CUT)
    assert answer["finish_reason"] == "stop"
    assert span.attributes["hyperinfer.cut"] == ["gen_ai.input.messages", "gen_ai.output.messages"]


@pytest.mark.parametrize("client", DIALECTS)
async def test_by_default_no_word_of_it_goes_out(client: Dialect, autojump_clock: object) -> None:
    tool = ScriptedTool(steps=[(1.0, found("wordily found"))])
    rounds = [upstream("openai_chat", call("web_search", query="wordy query"), stream=True),
              upstream("openai_chat", text("wordy answer"), call("theirs", a="wordy call"), stream=True)]  # fmt: skip
    tracer, kept = keeping()
    asked: dict[str, Any] = switched_on(client, "web_search")
    turns = [{"role": "user", "content": "wordy question"}]
    asked["input" if client == "openai_responses" else "messages"] = turns
    if client == "openai_responses":
        asked["instructions"] = "wordy system"
    elif client == "anthropic_messages":
        asked["system"] = "wordy system"
    async with bench(*rounds, tracer=tracer, tooling=tooling(tool)) as gateway:
        exchange = await gateway.ask(client, "openai_chat", stream=True, **asked)
        assert b"wordy answer" in exchange.sent
        assert b"wordy question" in gateway.transport.played[0].body
    data = await exported(kept.one)
    assert len(spans(kept.one, "chat")) == 2
    assert b"gen_ai.request.model" in data
    assert not [
        word for word in (b"word", b"input.messages", b"output.messages", b"gen_ai.tool.call.arguments") if word in data
    ]


async def test_a_bug_in_it_costs_contents_only(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise LookupError

    monkeypatch.setattr("hyperinfer.api.tracing.fitting.Fitting.messages", broken)
    tracer, kept = keeping(contents=capturing())
    async with bench(upstream("openai_chat", text("a"), stream=True), tracer=tracer) as gateway:
        assert (await gateway.ask("openai_chat", "openai_chat", stream=True)).status == 200
    (span,) = spans(kept.one, "chat")
    assert span.contents is None
    assert span.error is None
    assert "a span has no contents" in caplog.text
