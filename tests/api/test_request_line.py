"""One line in the log for each request, whatever becomes of it."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from hyperinfer.api import request_line
from tests.support.bench import bench
from tests.support.replies import STREAMS, WHOLES
from tests.support.upstreams import NEVER, Script

FRAMES = STREAMS["openai_chat"]
WHOLE = WHOLES["openai_chat"]


if TYPE_CHECKING:
    from hyperinfer.nodes.items import Ticket


@pytest.fixture(autouse=True)
def _level(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(logging.INFO, logger="hyperinfer.requests")
    line = request_line.request_line

    def says_the_same(ticket: Ticket, **more: Any) -> str:
        fields = json.loads(msgspec.json.encode(request_line.request_fields(ticket, **more)), parse_float=str)
        text = line(ticket, **more)
        assert worded(fields) == text
        return text

    monkeypatch.setattr(request_line, "request_line", says_the_same)


def worded(fields: dict[str, Any]) -> str:
    """The values of JSON as the words of text."""
    words = [f"{fields.pop('request_id')} format={fields.pop('format')} http={fields.pop('http', '-')}"]
    for name in ("status", "model", "provider"):
        words += [f"{name}={fields.pop(name)}"] if name in fields else []
    if "cost" in fields:
        words.append(f"tokens={fields.pop('tokens_prompt')}+{fields.pop('tokens_completion')} cost={fields.pop('cost')}")
    for name in ("ms", "first_ms", "error"):
        words += [f"{name}={fields.pop(name)}"] if name in fields else []
    words += ["client=left"] if fields.pop("client_left", None) is True else []
    assert not fields
    return " ".join(words)


def the_line(caplog: pytest.LogCaptureFixture) -> tuple[str, dict[str, str]]:
    """The id and the words of the only line."""
    (record,) = [record for record in caplog.records if record.name == "hyperinfer.requests"]
    assert record.levelno == logging.INFO
    id, *words = record.getMessage().split(" ")
    return id, dict(word.split("=", 1) for word in words)


async def test_of_a_whole_response(caplog: pytest.LogCaptureFixture, autojump_clock: object) -> None:
    async with bench(Script([(1.5, WHOLE)])) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=False)
        row, (id, words) = gateway.row, the_line(caplog)
    assert id == row.id
    assert words.pop("first_ms") == str(row.first_token_ms) == "1500"
    cost, tokens = words.pop("cost"), words.pop("tokens")
    assert float(cost) * 10**12 == pytest.approx(row.cost) != 0
    assert tokens == f"{row.tokens_prompt}+{row.tokens_completion}"
    assert words == {
        "format": "openai_chat",
        "http": "200",
        "status": "completed",
        "model": "test/openai_chat",
        "provider": "openai_chat",
        "ms": "1500",
    }


async def test_of_a_stream_that_failed(caplog: pytest.LogCaptureFixture, autojump_clock: object) -> None:
    async with bench(Script([(1.0, FRAMES[0] + FRAMES[1]), (1.0, b"data: {nonsense\n\n")])) as gateway:
        await gateway.ask("anthropic_messages", "openai_chat", stream=True)
        _, words = the_line(caplog)
    assert (words["format"], words["http"], words["status"]) == ("anthropic_messages", "200", "failed")
    assert (words["error"], words["first_ms"]) == ("provider_unavailable", "1000")


async def test_of_a_request_that_no_provider_took(caplog: pytest.LogCaptureFixture, autojump_clock: object) -> None:
    async with bench(Script(status=400, pieces=[(0.0, b'{"error": {"message": "secret words"}}')])) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=False)
        _, words = the_line(caplog)
        assert words["error"] == gateway.row.error_code
    assert words["status"] == "failed"
    assert "secret" not in caplog.text.replace("hyperinfer.upstream", "").split("hyperinfer.requests")[-1]


async def test_of_a_client_that_left(caplog: pytest.LogCaptureFixture, autojump_clock: object) -> None:
    async with bench(Script([(1.0, FRAMES[0]), NEVER])) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=True, leaves_at=3.0)
        _, words = the_line(caplog)
    assert (words["status"], words["client"], words["ms"]) == ("cancelled", "left", "3000")


async def test_of_a_request_that_was_not_let_in(caplog: pytest.LogCaptureFixture, autojump_clock: object) -> None:
    async with bench() as gateway:
        exchange = await gateway.send("openai_chat", b"{}", {"authorization": "Bearer hi-wrong-key"})
        id, words = the_line(caplog)
    assert id == exchange.sent_headers["x-request-id"]
    assert words == {"format": "openai_chat", "http": "401", "status": "refused", "ms": "0", "error": "invalid_api_key"}
    assert "hi-wrong-key" not in caplog.text


async def test_of_a_model_that_there_is_not_no_word_is_repeated(
    caplog: pytest.LogCaptureFixture, autojump_clock: object
) -> None:
    async with bench() as gateway:
        await gateway.ask("openai_chat", "a\nb", stream=False)
        _, words = the_line(caplog)
    assert words == {"format": "openai_chat", "http": "400", "status": "refused", "ms": "0", "error": "invalid_request"}


async def test_of_a_request_that_was_refused_at_a_drain(caplog: pytest.LogCaptureFixture, autojump_clock: object) -> None:
    async with bench() as gateway:
        gateway.drain.begin(1.0)
        await gateway.ask("openai_chat", "openai_chat", stream=False)
        _, words = the_line(caplog)
    assert (words["http"], words["status"], words["error"]) == ("529", "refused", "provider_overloaded")
