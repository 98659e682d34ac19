"""The examples have every field that the official SDKs, the contract and our own records know."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anthropic.types as anthropic
import anthropic.types.beta as beta
import anthropic.types.beta.message_create_params as beta_params
import anthropic.types.message_create_params as messages_params
import msgspec
import openai.types.chat as chat
import openai.types.chat.completion_create_params as chat_params
import openai.types.responses as responses
import openai.types.responses.response_create_params as responses_params
import pytest

from hyperinfer.api.openapi.document import document
from hyperinfer.formats import RequestError
from hyperinfer.formats.anthropic_messages import wire as messages_wire
from hyperinfer.formats.anthropic_messages import wire_response as messages_response
from hyperinfer.formats.openai_chat import wire as chat_wire
from hyperinfer.formats.openai_responses import wire as responses_wire
from hyperinfer.formats.openai_responses import wire_response as responses_response
from hyperinfer.formats.wire import is_object
from tests.fields.example import lines
from tests.fields.paths import places
from tests.fields.requests import read
from tests.fields.sdk import Known
from tests.fields.survey import EXAMPLES, Way
from tests.support.bench import DIALECTS, PATHS

if TYPE_CHECKING:
    from types import ModuleType

    from hyperinfer.formats import Dialect

CHAT: Dialect = "openai_chat"
RESPONSES: Dialect = "openai_responses"
MESSAGES: Dialect = "anthropic_messages"
WAYS = list(EXAMPLES)

TYPES: dict[tuple[Dialect, Way], tuple[Any, ...]] = {
    (CHAT, "request"): (chat_params.CompletionCreateParamsBase,),
    (RESPONSES, "request"): (responses_params.ResponseCreateParamsBase,),
    (MESSAGES, "request"): (messages_params.MessageCreateParamsBase, beta_params.MessageCreateParamsBase),
    (CHAT, "reply"): (chat.ChatCompletion, list[chat.ChatCompletionChunk]),
    (RESPONSES, "reply"): (responses.Response, list[responses.ResponseStreamEvent]),
    (MESSAGES, "reply"): (
        anthropic.Message,
        beta.BetaMessage,
        list[anthropic.RawMessageStreamEvent],
        list[beta.BetaRawMessageStreamEvent],
    ),
}

AS_ONE: dict[tuple[Dialect, Way], tuple[str, ...]] = {
    (CHAT, "request"): (),
    (RESPONSES, "request"): ("responses_items.jsonl", "responses_tools.jsonl"),
    (MESSAGES, "request"): ("messages_blocks.jsonl", "messages_tools.jsonl"),
    (CHAT, "reply"): (),
    (RESPONSES, "reply"): ("responses_output.jsonl", "responses_events.jsonl"),
    (MESSAGES, "reply"): ("messages_content.jsonl",),
}
"""Items, blocks and tools that the codecs carry or lose as one: what is deep in them needs no example."""

EXCEPTIONS: dict[tuple[Dialect, Way, str], str] = {
    (RESPONSES, "reply", r"(instructions|tools)\[.*|(tool_choice|prompt|text|reasoning)\b.*"): "repeats the request",
    (RESPONSES, "reply", r"error\b.*|\[error\].*|\[response\.failed\].*"): "an error and no reply",
    (RESPONSES, "reply", r"\[response\.output_item\.\w+\]\.item\(.*|\[response\.\w+\]\.response\b.*"): "as in a whole reply",
    (RESPONSES, "reply", r"\[response\.content_part\.added\]\.part\(output_text\)\..*"): "empty as yet",
    (MESSAGES, "request", r".*\.tool\(tool_definition\)\.definition.*"): "tools like all others",
    (MESSAGES, "request", r"tools\[custom\]\.input_schema\(object\).*"): "the caller's own JSON",
    (
        MESSAGES,
        "request",
        r"messages\[user\]\.content\[\w*(thinking|tool_use|tool_result|upload|listing|fallback|compaction)\]",
    ): "the assistant's",
    (MESSAGES, "request", r"fallbacks\[\]\.thinking\(\w+\)"): "as in the request itself",
}
"""Fields without an example, and why."""


@cache
def _probed(dialect: Dialect, way: Way) -> frozenset[str]:
    return frozenset(kind for example in EXAMPLES[dialect, way] for kind, _ in places(example.document))


@cache
def _known(dialect: Dialect, way: Way) -> Known:
    return Known(TYPES[dialect, way])


@cache
def _missing(dialect: Dialect, way: Way) -> tuple[str, ...]:
    return tuple(_known(dialect, way).missing(_probed(dialect, way)))


def _unexplained(dialect: Dialect, way: Way) -> list[str]:
    whole = [f"{re.escape(line['type'])}" for name in AS_ONE[dialect, way] for line in lines(name)]
    patterns = [pattern for client, its, pattern in EXCEPTIONS if (client, its) == (dialect, way)]
    if whole:
        patterns.append(rf".*[\[(]({'|'.join(whole)})[\])]\.\w+[.\[(].*")
    return [kind for kind in _missing(dialect, way) if not any(re.fullmatch(pattern, kind) for pattern in patterns)]


@pytest.mark.parametrize(("dialect", "way"), WAYS)
def test_every_field_of_the_sdk_has_an_example(dialect: Dialect, way: Way) -> None:
    assert sum(map(len, _known(dialect, way).fields.values())) > 50
    assert _unexplained(dialect, way) == []


@pytest.mark.parametrize(("dialect", "way", "pattern"), EXCEPTIONS)
def test_exceptions_are_needed(dialect: Dialect, way: Way, pattern: str) -> None:
    assert any(re.fullmatch(pattern, kind) for kind in _missing(dialect, way))


def test_a_field_without_an_example_is_found() -> None:
    probed = [kind for kind in _probed(CHAT, "request") if not kind.startswith("seed")]
    assert list(_known(CHAT, "request").missing(probed)) == ["seed"]


def _plain(kind: str) -> str:
    """A kind without the words of types, as a schema has it."""
    return re.sub(r"\([^)]*\)", "", re.sub(r"\[[^\]]*\]", "[]", kind))


def _properties(schema: Any, root: Any, path: str = "", depth: int = 0) -> Iterator[str]:
    """The paths of all properties of a JSON schema."""
    while is_object(schema) and (found := schema.get("$ref")):
        schema = root
        for step in str(found).removeprefix("#/").split("/"):
            schema = schema[step]
    if not is_object(schema) or depth > 12:
        return
    properties: dict[str, Any] = schema.get("properties") or {}
    for name, inner in properties.items():
        here = f"{path}.{name}" if path else name
        yield here
        yield from _properties(inner, root, here, depth + 1)
    if "items" in schema:
        yield from _properties(schema["items"], root, f"{path}[]", depth + 1)
    for word in ("anyOf", "oneOf", "allOf"):
        for inner in schema.get(word) or ():
            yield from _properties(inner, root, path, depth + 1)


_OURS = re.compile(r"(.*\.)?(cost|hi_\w+|request_id|code|param|estimated)|error(\..*)?")
"""What the gateway adds to replies, and errors."""


def _schemas(root: Any, dialect: Dialect) -> dict[Way, Any]:
    operation = root["paths"][PATHS[dialect]]["post"]
    return {
        "request": operation["requestBody"]["content"]["application/json"]["schema"],
        "reply": operation["responses"]["200"]["content"]["application/json"]["schema"],
    }


@pytest.mark.parametrize("source", ["contract", "ours"])
@pytest.mark.parametrize(("dialect", "way"), WAYS)
def test_every_published_field_has_an_example(dialect: Dialect, way: Way, source: str) -> None:
    file = Path(__file__).parents[3] / "shared" / "contract" / "openapi.json"
    if source == "contract" and not file.is_file():
        pytest.skip(f"{file} is not there")
    root = json.loads(file.read_bytes()) if source == "contract" else document()
    known = set(_properties(_schemas(root, dialect)[way], root))
    assert known
    text = "\n".join(f".{_plain(kind)}." for kind in _probed(dialect, way))
    # Our description joins the records of all blocks wherever one of them may stand.
    wanted = known if source == "contract" else {kind.rpartition(".")[2] for kind in known}
    missing = {kind for kind in wanted if f".{kind}." not in text and f".{kind}[" not in text}
    assert {kind for kind in missing if not _OURS.fullmatch(kind) and not kind.endswith((".type", ".object"))} == set()


RECORDS: tuple[tuple[Dialect, tuple[ModuleType, ...]], ...] = (
    (CHAT, (chat_wire,)),
    (RESPONSES, (responses_wire, responses_response)),
    (MESSAGES, (messages_wire, messages_response)),
)


@pytest.mark.parametrize(("dialect", "modules"), RECORDS)
def test_every_field_that_is_read_has_an_example(dialect: Dialect, modules: tuple[ModuleType, ...]) -> None:
    probed = {name for way in ("request", "reply") for kind in _probed(dialect, way) for name in re.findall(r"\w+", kind)}
    records = [record for module in modules for record in vars(module).values() if _is_struct(record)]
    fields = {f"{record.__name__}.{name}" for record in records for name in record.__struct_encode_fields__}
    assert len(fields) > 50
    missing = {field for field in fields if field.partition(".")[2] not in probed}
    assert {field for field in missing if "Error" not in field and not _OURS.fullmatch(field)} == set()


def _is_struct(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, msgspec.Struct)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_examples_are_understood(dialect: Dialect) -> None:
    """Only what asks for something stored, Messages' `response_format`, and what the gateway cannot promise of a provider is
    refused by its own format."""
    asked = [(example, read(dialect, example.document)) for example in EXAMPLES[dialect, "request"]]
    refused = [(example, found) for example, found in asked if isinstance(found, RequestError)]
    for example, error in refused:
        assert example.area in ("What would have to be stored", "Who serves") or "item_reference" in error.message
