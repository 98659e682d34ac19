"""What is always a 400, strict or not, whatever the target (RULES: How the contract is read; wire facts 4.8)."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from hyperinfer.formats import FORMATS, Dialect, RequestError, Target
from hyperinfer.formats.opaque import DEFAULT_VENDOR
from tests.support.recordings import DIALECTS

USER: dict[str, Any] = {"role": "user", "content": "x"}


def request(dialect: Dialect, **fields: Any) -> bytes:
    base: dict[Dialect, dict[str, Any]] = {
        "openai_chat": {"messages": [USER]},
        "openai_responses": {"input": "x"},
        "anthropic_messages": {"max_tokens": 5, "messages": [USER]},
    }
    return json.dumps({"model": "m", **base[dialect], **fields}).encode()


def refused(dialect: Dialect, target: Dialect, vendor: str | None = None, **fields: Any) -> RequestError | None:
    try:
        FORMATS[target].encode_request(
            FORMATS[dialect].decode_request(request(dialect, **fields)),
            Target(
                dialect=target, model="up", vendor=vendor or DEFAULT_VENDOR[target], streamed=False, max_output_tokens=64
            ),
        )
    except RequestError as error:
        return error
    return None


def part(kind: Dialect, **content: Any) -> dict[str, Any]:
    return {("input" if kind == "openai_responses" else "messages"): [{"role": "user", "content": [content]}]}


FOREIGN: list[tuple[Dialect, dict[str, Any], str]] = [
    ("openai_chat", {"n": 2}, "n"),
    ("openai_chat", {"modalities": ["text", "audio"]}, "modalities"),
    ("openai_chat", {"audio": {"voice": "x", "format": "wav"}}, "audio"),
    ("openai_chat", {"modalities": ["text", "audio"], "audio": {"voice": "x", "format": "wav"}}, "audio"),
    ("openai_responses", part("openai_responses", type="input_image", file_id="f"), "input[0].content"),
    (
        "anthropic_messages",
        part("anthropic_messages", type="image", source={"type": "file", "file_id": "f"}),
        "messages[0].content",
    ),
    (
        "anthropic_messages",
        part("anthropic_messages", type="document", source={"type": "file", "file_id": "f"}),
        "messages[0].content",
    ),
]


@pytest.mark.parametrize(
    ("dialect", "fields", "param", "target"),
    [(*case, target) for case, target in itertools.product(FOREIGN, DIALECTS) if case[0] != target],
    ids=str,
)
def test_what_another_dialect_cannot_do(dialect: Dialect, fields: dict[str, Any], param: str, target: Dialect) -> None:
    error = refused(dialect, target, **fields)
    assert error is not None
    assert error.code == "invalid_request"
    assert (error.param or "").startswith(param)
    assert error.message


FILES: list[tuple[Dialect, dict[str, Any]]] = [
    ("openai_chat", part("openai_chat", type="file", file={"file_id": "f"})),
    ("openai_responses", part("openai_responses", type="input_file", file_id="f")),
    ("anthropic_messages", part("anthropic_messages", type="document", source={"type": "file", "file_id": "f"})),
]


@pytest.mark.parametrize(
    ("dialect", "fields", "target"), [(*case, t) for case in FILES for t in DIALECTS if case[0] != t], ids=str
)
def test_a_file_stays_with_its_vendor(dialect: Dialect, fields: dict[str, Any], target: Dialect) -> None:
    """The two dialects of one vendor share its files."""
    ours = refused(dialect, target, **fields)
    assert (ours is None) == (DEFAULT_VENDOR[dialect] == DEFAULT_VENDOR[target])
    assert refused(dialect, target, "another", **fields) is not None


@pytest.mark.parametrize("fields", [{"n": 2}, {"modalities": ["text", "audio"], "audio": {"voice": "x", "format": "wav"}}])
def test_the_own_dialect_can(fields: dict[str, Any]) -> None:
    assert refused("openai_chat", "openai_chat", **fields) is None


def test_audio_for_messages_names_the_part() -> None:
    audio = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}
    error = refused(
        "openai_chat",
        "anthropic_messages",
        messages=[{"role": "user", "content": [USER | {"type": "text", "text": "x"}, audio]}],
    )
    assert error is not None
    assert (error.param or "").startswith("messages[0].content[1]")


STATEFUL: list[tuple[Dialect, dict[str, Any], str]] = [
    ("openai_responses", {"previous_response_id": "r"}, "previous_response_id"),
    ("openai_responses", {"conversation": "c"}, "conversation"),
    ("openai_responses", {"background": True}, "background"),
    ("openai_responses", {"prompt": {"id": "p"}}, "prompt"),
    ("openai_responses", {"input": [{"type": "item_reference", "id": "i"}]}, "input[0]"),
    ("anthropic_messages", {"thread": {"type": "create"}}, "thread"),
    ("anthropic_messages", {"response_format": {"type": "json_object"}}, "response_format"),
]


@pytest.mark.parametrize(
    ("dialect", "fields", "param", "target"), [(*case, target) for case in STATEFUL for target in DIALECTS], ids=str
)
def test_what_no_gateway_without_storage_can_do(
    dialect: Dialect, fields: dict[str, Any], param: str, target: Dialect
) -> None:
    error = refused(dialect, target, **fields)
    assert error is not None
    assert error.param == param


@pytest.mark.parametrize("target", DIALECTS)
@pytest.mark.parametrize(
    "fields", [{"n": 1}, {"modalities": ["text"]}, {"modalities": 5}, {"n": None, "audio": None, "modalities": None}]
)
def test_what_says_what_happens_anyway_is_served(fields: dict[str, Any], target: Dialect) -> None:
    assert refused("openai_chat", target, **fields) is None


@pytest.mark.parametrize("target", DIALECTS)
def test_values_that_ask_for_nothing_are_served(target: Dialect) -> None:
    fields: dict[str, Any] = {
        "previous_response_id": None,
        "conversation": None,
        "background": False,
        "prompt": None,
        "store": False,
    }
    assert refused("openai_responses", target, **fields) is None


def test_thread_says_why_in_its_details() -> None:
    """Wire facts 7: the SDK's tool runner then sends the whole history."""
    error = refused("anthropic_messages", "anthropic_messages", thread={"type": "create"})
    assert error is not None
    assert dict(error.details or {}) == {"error_code": "thread_unsupported_request"}
