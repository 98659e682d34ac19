"""Whatever is valid under the published contract is accepted, and can be said to every upstream."""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.formats import FORMATS, Dialect, RequestError, Target
from hyperinfer.formats.quirks import PROTOCOL_QUIRKS
from tests.support.bench import DIALECTS, PATHS
from tests.support.json_schema_strategy import valid_under

if TYPE_CHECKING:
    from hyperinfer.formats import Conversation, Encoded

CHAT: Dialect = "openai_chat"
RESPONSES: Dialect = "openai_responses"
MESSAGES: Dialect = "anthropic_messages"

USER: dict[str, Any] = {"role": "user", "content": "hi"}

_CONTRACT = Path(__file__).parents[3] / "shared" / "contract" / "openapi.json"
_ALWAYS_REFUSED = re.compile(r"previous_response_id|.*\.(tool_call_id|call_id|tool_use_id)")
"""What needs stored responses, and results that answer no call that can be told."""


@cache
def _contract() -> dict[str, Any]:
    if not _CONTRACT.is_file():
        pytest.skip(f"{_CONTRACT} is not there")
    found: dict[str, Any] = json.loads(_CONTRACT.read_bytes())
    return found


def _sent(conversation: Conversation, upstream: Dialect) -> Encoded:
    vendor = "anthropic" if upstream == MESSAGES else "openai"
    return FORMATS[upstream].encode_request(
        conversation,
        Target(
            dialect=upstream,
            model="up",
            vendor=vendor,
            streamed=conversation.streamed,
            max_output_tokens=1000,
            quirks=PROTOCOL_QUIRKS[upstream],
        ),
    )


def _through(client: Dialect, fields: dict[str, Any], upstream: Dialect) -> tuple[Any, list[str]]:
    """The body that an upstream gets, and the paths of the losses."""
    least: dict[str, Any] = {"model": "m", **({"max_tokens": 50} if client == MESSAGES else {})}
    least["input" if client == RESPONSES else "messages"] = [USER]
    encoded = _sent(FORMATS[client].decode_request(json.dumps(least | fields).encode()), upstream)
    return json.loads(encoded.body), [loss.path for loss in encoded.losses]


def _decoded(client: Dialect, body: dict[str, Any]) -> Conversation | None:
    try:
        return FORMATS[client].decode_request(json.dumps(body).encode())
    except RequestError as error:
        if _ALWAYS_REFUSED.fullmatch(error.param or ""):
            return None
        raise


@contextmanager
def _refused_for_its_file(body: dict[str, Any]) -> Generator[None]:
    """A file id is bound to its vendor: no other can be asked about it."""
    try:
        yield
    except RequestError as error:
        if "file" not in error.message or "file_id" not in json.dumps(body):
            raise


@pytest.mark.parametrize("client", DIALECTS)
def test_any_valid_body_is_accepted(client: Dialect) -> None:
    schema = _contract()["paths"][PATHS[client]]["post"]["requestBody"]["content"]["application/json"]["schema"]

    @settings(max_examples=150, deadline=None)
    @given(valid_under(schema))
    def accepted(body: dict[str, Any]) -> None:
        conversation = _decoded(client, body)
        if conversation is None:
            return
        for upstream in DIALECTS:
            with _refused_for_its_file(body):
                sent = json.loads(_sent(conversation, upstream).body)
                assert sent["messages" if "messages" in sent else "input"] is not None

    accepted()


@pytest.mark.parametrize("upstream", DIALECTS)
@pytest.mark.parametrize("role", ["user", "system", "developer"])
@pytest.mark.parametrize("content", [{}, {"content": None}], ids=["absent", "null"])
def test_chat_messages_need_no_content(role: str, content: dict[str, Any], upstream: Dialect) -> None:
    messages = [{"role": role, **content}, {"role": "user", "content": "hi"}]
    sent, losses = _through(CHAT, {"messages": messages}, upstream)
    assert losses == []
    assert "hi" in json.dumps(sent)
    if upstream == CHAT:
        assert sent["messages"][0] == {"role": role, "content": ""}


@pytest.mark.parametrize("upstream", DIALECTS)
def test_chat_takes_a_schema_that_is_not_there(upstream: Dialect) -> None:
    for wish in ({"type": "json_schema"}, {"type": "json_schema", "json_schema": {"name": "a"}}):
        sent, losses = _through(CHAT, {"response_format": wish}, upstream)
        assert losses == []
        match upstream:
            case "openai_chat":
                assert sent["response_format"] == wish
            case "openai_responses":
                assert sent["text"]["format"] == {"type": "json_object"}
            case "anthropic_messages":
                assert "JSON" in json.dumps(sent["system"])


@pytest.mark.parametrize("upstream", DIALECTS)
def test_responses_take_a_schema_that_is_not_there(upstream: Dialect) -> None:
    sent, losses = _through(RESPONSES, {"text": {"format": {"type": "json_schema"}}}, upstream)
    assert losses == []
    match upstream:
        case "openai_chat":
            assert sent["response_format"] == {"type": "json_object"}
        case "openai_responses":
            assert sent["text"] == {"format": {"type": "json_schema"}}
        case "anthropic_messages":
            assert "JSON" in json.dumps(sent["system"])


@pytest.mark.parametrize("upstream", DIALECTS)
@pytest.mark.parametrize("part", ["input_file", "input_image", "file"])
def test_files_without_a_source(part: str, upstream: Dialect) -> None:
    client = CHAT if part == "file" else RESPONSES
    raw: dict[str, Any] = {"type": part, "file": {"filename": "a.pdf"}} if client == CHAT else {"type": part}
    said = {"type": "text" if client == CHAT else "input_text", "text": "look"}
    field = "messages" if client == CHAT else "input"
    sent, losses = _through(client, {field: [{"role": "user", "content": [said, raw]}]}, upstream)
    assert "look" in json.dumps(sent)
    if upstream == client:
        assert sent[field][0]["content"] == [said, raw]
        assert losses == []
    else:
        assert losses == [f"{field}[0].content[1]"]


@pytest.mark.parametrize("upstream", DIALECTS)
def test_messages_take_a_choice_of_no_tool(upstream: Dialect) -> None:
    fields: dict[str, Any] = {"tools": [{"name": "f", "input_schema": {}}], "tool_choice": {"type": "tool"}}
    sent, losses = _through(MESSAGES, fields, upstream)
    if upstream == MESSAGES:
        assert sent["tool_choice"] == {"type": "tool"}
        assert losses == []
    else:
        assert sent.get("tool_choice", "auto") == "auto"
        assert losses == ["tool_choice"]


@pytest.mark.parametrize("upstream", DIALECTS)
@given(name=st.sampled_from(["", " ", "a.b", "ä"]))
def test_messages_take_any_name_of_a_tool(upstream: Dialect, name: str) -> None:
    use: dict[str, Any] = {"type": "tool_use", "id": "t", "name": name, "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t"}
    history = [USER, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    sent, _ = _through(MESSAGES, {"tools": [{"name": name, "input_schema": {}}], "messages": history}, upstream)
    (tool,) = sent["tools"]
    given_name = (tool.get("function") or tool)["name"]
    assert re.fullmatch("[a-zA-Z0-9_-]{1,64}", given_name)
    assert json.dumps(sent).count(json.dumps(given_name)) == 2, "the call has the name of its tool"


@pytest.mark.parametrize("upstream", DIALECTS)
def test_messages_take_calls_without_an_id(upstream: Dialect) -> None:
    use: dict[str, Any] = {"type": "tool_use", "id": "", "name": "f", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "", "content": "done"}
    history = [USER, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    sent, losses = _through(MESSAGES, {"messages": history}, upstream)
    assert losses == []
    assert json.dumps(sent).count('"call_unnamed_1"') == 2


@pytest.mark.parametrize("upstream", DIALECTS)
def test_messages_take_calls_and_results_of_the_wrong_side(upstream: Dialect) -> None:
    use: dict[str, Any] = {"type": "tool_use", "id": "t", "name": "look", "input": {"q": 1}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": "found"}
    history = [{"role": "user", "content": [use]}, {"role": "assistant", "content": [result]}]
    sent, _ = _through(MESSAGES, {"messages": history}, upstream)
    if upstream == MESSAGES:
        assert sent["messages"] == history
        return
    said = json.dumps(sent["messages" if upstream == CHAT else "input"])
    assert "look" in said
    assert "found" in said
    assert "tool" not in said


def test_thinking_of_the_user_is_a_loss_on_chat() -> None:
    blocks = [{"type": "thinking", "thinking": "hm", "signature": ""}, {"type": "text", "text": "hi"}]
    sent, losses = _through(MESSAGES, {"messages": [{"role": "user", "content": blocks}]}, CHAT)
    assert sent["messages"] == [USER]
    assert losses == ["messages[0].content[0]"]
