"""The paths of the description: each operation with its parameters, bodies and answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.api.openapi import chat, control, messages, responses
from hyperinfer.api.openapi import records as rec
from hyperinfer.api.openapi.account_records import CreditsReply, CurrentKeyReply
from hyperinfer.api.openapi.admin_operations import admin_paths
from hyperinfer.api.openapi.answers import ID, Operation, error_answer, json_answer
from hyperinfer.api.openapi.errors import ERRORS, OpenAIError
from hyperinfer.formats.anthropic_messages.wire import CountTokensRequest, MessagesRequest
from hyperinfer.formats.anthropic_messages.wire_response import MessagesError, MessagesResponse
from hyperinfer.formats.anthropic_messages.wire_response import TokenCount as MessagesTokenCount
from hyperinfer.formats.openai_chat.wire import ChatRequest
from hyperinfer.formats.openai_responses.wire import InputTokensRequest, ResponsesRequest
from hyperinfer.formats.openai_responses.wire_response import ResponsesResponse
from hyperinfer.formats.openai_responses.wire_response import TokenCount as ResponsesTokenCount
from hyperinfer.providers.listing import PublicModel, PublicModels

if TYPE_CHECKING:
    from hyperinfer.api.openapi.schemas import Schema

_OPENAI = ERRORS.ref(OpenAIError)
_ANTHROPIC = messages.REPLY.ref(MessagesError)

_LOSS = {"X-HyperInfer-Loss": {"$ref": "#/components/headers/Loss"}}
_CACHED = {"ETag": {"$ref": "#/components/headers/ETag"}, "Cache-Control": {"$ref": "#/components/headers/CacheControl"}}

_GENERATION = {
    "generation": {
        "operationId": "getGeneration",
        "description": "What became of the request, for its own key.",
        "parameters": {"id": "$response.header.X-Request-Id"},
    }
}

_STRICT: Schema = {
    "name": "X-HyperInfer-Strict",
    "in": "header",
    "required": False,
    "description": "`true`: a request that cannot be carried without loss is refused, naming the losses.",
    "schema": {"type": "string", "enum": ["true", "false"]},
}

_IDEMPOTENCY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and body within 24 hours are never a second bill: a repeat is refused with 409, and"
    " `error.details.first_request_id` names the first request. One that was not billed does not stand in the way.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}

_CHAT_STREAM = (
    "Server-sent events, each a `chat.completion.chunk` in a `data:` frame: the role, then deltas of content, reasoning and "
    "tool calls, the finish_reason, a last chunk with nothing but usage (it always comes), then `data: [DONE]`. An error "
    "after the start is a chunk with `error`, then `[DONE]`."
)
_RESPONSES_STREAM = (
    "Server-sent events, `event:` and `data:`: `response.created`, `response.in_progress`, then for each item "
    "`response.output_item.added`, its deltas (`response.output_text.delta`, `response.function_call_arguments.delta`, …) "
    "and their `.done`, and `response.completed` with the whole response and its usage. `response.incomplete` ends a "
    "response that was cut short, `response.failed` one that failed."
)
_MESSAGES_STREAM = (
    "Server-sent events, `event:` and `data:`: `message_start`, for each content block `content_block_start`, "
    "`content_block_delta` (text_delta, thinking_delta, input_json_delta, …) and `content_block_stop`, then `message_delta` "
    "with stop_reason and usage, and `message_stop`. `error` ends a message that failed."
)
_KEEP_ALIVE = " Silence is filled with comments, at the latest every 15 s."


def paths() -> dict[str, dict[str, Operation]]:
    """All of them."""
    return {
        "/api/v1/chat/completions": {"post": _chat()},
        "/api/v1/responses": {"post": _responses()},
        "/api/v1/messages": {"post": _messages()},
        "/api/v1/responses/input_tokens": {"post": _input_tokens()},
        "/api/v1/messages/count_tokens": {"post": _count_tokens()},
        "/api/v1/models": {"get": _models()},
        "/api/v1/models/{slug}": {"get": _model()},
        "/api/v1/generation": {"get": _generation()},
        "/api/v1/key": {"get": _key()},
        "/api/v1/credits": {"get": _credits()},
        "/api/v1/playground-keys": {"post": _playground_key()},
        **admin_paths(),
        "/healthz": {"get": _healthz()},
        "/readyz": {"get": _readyz()},
        "/openapi.json": {"get": _document()},
    }


def _chat() -> Operation:
    return {
        "tags": ["Gateway"],
        "operationId": "createChatCompletion",
        "summary": "Create a chat completion (OpenAI Chat Completions format)",
        "description": "Chat Completions in, against any model of the catalogue, whatever format its provider speaks. The "
        "gateway's server tools are switched on in `plugins`.",
        **_model_call(
            chat.REQUEST.ref(ChatRequest),
            "The completion; a stream of events with `stream: true`.",
            chat.REPLY.ref(chat.ChatCompletionResponse),
            _CHAT_STREAM,
            _OPENAI,
        ),
    }


def _responses() -> Operation:
    return {
        "tags": ["Gateway"],
        "operationId": "createResponse",
        "summary": "Create a response (OpenAI Responses format)",
        "description": "Responses in, against any model of the catalogue. Nothing is stored between requests: "
        "`previous_response_id` is refused, send the whole input. The gateway's server tools are switched on in `tools` "
        '(`{"type": "web_search"}`).',
        **_model_call(
            responses.REQUEST.ref(ResponsesRequest),
            "The response; a stream of events with `stream: true`.",
            responses.REPLY.ref(ResponsesResponse),
            _RESPONSES_STREAM,
            _OPENAI,
        ),
    }


def _messages() -> Operation:
    return {
        "tags": ["Gateway"],
        "operationId": "createMessage",
        "summary": "Create a message (Anthropic Messages format)",
        "description": "Messages in, against any model of the catalogue. The gateway's server tools are switched on in "
        "`plugins`. `response_format` does not exist in this format and is refused.",
        **_model_call(
            messages.REQUEST.ref(MessagesRequest),
            "The message; a stream of events with `stream: true`.",
            messages.REPLY.ref(MessagesResponse),
            _MESSAGES_STREAM,
            _ANTHROPIC,
        ),
    }


_COUNTED = (
    "Counted by the model's provider where that can count, else estimated; the header X-HyperInfer-Estimated says which. It "
    "takes from the key's rate, costs nothing and leaves no generation."
)


def _input_tokens() -> Operation:
    return {
        "tags": ["Gateway"],
        "operationId": "countInputTokens",
        "summary": "Count input tokens (OpenAI Responses format)",
        "description": f"The tokens that a Responses request has the model read. {_COUNTED}",
        **_count(responses.REQUEST.ref(InputTokensRequest), responses.REPLY.ref(ResponsesTokenCount), _OPENAI),
    }


def _count_tokens() -> Operation:
    return {
        "tags": ["Gateway"],
        "operationId": "countMessageTokens",
        "summary": "Count tokens (Anthropic Messages format)",
        "description": f"The tokens that a Messages request has the model read. {_COUNTED}",
        **_count(messages.REQUEST.ref(CountTokensRequest), messages.REPLY.ref(MessagesTokenCount), _ANTHROPIC),
    }


def _count(request: Schema, reply: Schema, error: Schema) -> Operation:
    headers = ID | {"X-HyperInfer-Estimated": {"$ref": "#/components/headers/Estimated"}}
    content = {"application/json": {"schema": reply}}
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
        "responses": {
            "200": {"description": "The number.", "headers": headers, "content": content},
            "default": error_answer(error),
        },
    }


def _model_call(request: Schema, description: str, reply: Schema, stream: str, error: Schema) -> Operation:
    events = {"type": "string", "description": stream + _KEEP_ALIVE}
    content = {"application/json": {"schema": reply}, "text/event-stream": {"schema": events}}
    return {
        "parameters": [_STRICT, _IDEMPOTENCY],
        "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
        "responses": {
            "200": {"description": description, "headers": ID | _LOSS, "content": content, "links": _GENERATION},
            "default": error_answer(error),
        },
    }


def _models() -> Operation:
    return {
        "tags": ["Catalog"],
        "operationId": "listModels",
        "summary": "List models",
        "description": "The public catalogue: prices, context length, features, locations. No key is needed.",
        "security": [],
        "responses": {
            "200": json_answer("The catalogue.", control.RECORDS, PublicModels, headers=_CACHED),
            "304": {"description": "Unchanged since the ETag in If-None-Match.", "headers": ID | _CACHED},
            "default": error_answer(_OPENAI),
        },
    }


def _model() -> Operation:
    slug = {
        "name": "slug",
        "in": "path",
        "required": True,
        "description": "The model's slug. Its slash may be written as it is or as %2F.",
        "schema": {"type": "string"},
    }
    return {
        "tags": ["Catalog"],
        "operationId": "retrieveModel",
        "summary": "Retrieve a model",
        "description": "One model of the catalogue. No key is needed.",
        "security": [],
        "parameters": [slug],
        "responses": {
            "200": json_answer("The model.", control.RECORDS, PublicModel, headers=_CACHED),
            "304": {"description": "Unchanged since the ETag in If-None-Match.", "headers": ID | _CACHED},
            "404": error_answer(_OPENAI, "There is no such model."),
            "default": error_answer(_OPENAI),
        },
    }


def _generation() -> Operation:
    request_id = {
        "name": "id",
        "in": "query",
        "required": True,
        "description": "The request id, with or without the prefix that it has in a response's own id.",
        "schema": {"type": "string"},
    }
    return {
        "tags": ["Metadata"],
        "operationId": "getGeneration",
        "summary": "Get generation metadata",
        "description": "What became of a request of your workspace: the model, the tokens, the cost and how it adds up, "
        "the times, what was lost in translation, every upstream that was tried. The id is in the response header "
        "X-Request-Id and in the response's own id.",
        "parameters": [request_id],
        "responses": {
            "200": json_answer("The generation.", control.RECORDS, rec.GenerationReply),
            "404": error_answer(_OPENAI, "No such generation in the workspace of the key."),
            "default": error_answer(_OPENAI),
        },
    }


def _key() -> Operation:
    return {
        "tags": ["Account"],
        "operationId": "getCurrentKey",
        "summary": "Get the current API key",
        "description": "What the key that asks may do, what it has spent and what its running requests hold.",
        "responses": {"200": json_answer("The key.", control.RECORDS, CurrentKeyReply), "default": error_answer(_OPENAI)},
    }


def _credits() -> Operation:
    return {
        "tags": ["Account"],
        "operationId": "getCredits",
        "summary": "Get the credits of the workspace",
        "description": "The account of the workspace whose key asks: what was added, spent, is left and is held.",
        "responses": {"200": json_answer("The account.", control.RECORDS, CreditsReply), "default": error_answer(_OPENAI)},
    }


def _playground_key() -> Operation:
    schema = control.RECORDS.ref(rec.PlaygroundKeyRequest)
    return {
        "tags": ["Internal"],
        "operationId": "mintPlaygroundKey",
        "summary": "Mint a one-time playground key (internal)",
        "description": "For the platform's own pages, which know the token of X-Internal-Token; not for holders of API "
        "keys. The key is good for one request within ten minutes.",
        "x-internal": True,
        "security": [{"internalToken": []}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {
            "201": json_answer("The key.", control.RECORDS, rec.PlaygroundKey),
            "default": error_answer(_OPENAI),
        },
    }


def _healthz() -> Operation:
    return {
        "tags": ["Health"],
        "operationId": "getHealthz",
        "summary": "Liveness",
        "description": "Whether the process answers. It asks nothing of anything else.",
        "security": [],
        "responses": {"200": json_answer("It does.", control.RECORDS, rec.Health)},
    }


def _readyz() -> Operation:
    return {
        "tags": ["Health"],
        "operationId": "getReadyz",
        "summary": "Readiness",
        "description": "Whether requests should be sent here: not while a store is down, nor while the process drains.",
        "security": [],
        "responses": {
            "200": json_answer("Ready.", control.RECORDS, rec.Readiness),
            "503": json_answer("Not ready: a store is down, or the process drains.", control.RECORDS, rec.Readiness),
        },
    }


def _document() -> Operation:
    content = {"application/json": {"schema": {"type": "object"}}}
    return {
        "tags": ["Metadata"],
        "operationId": "getOpenApi",
        "summary": "This document",
        "description": "The API's description, generated from the records that validate requests. It may be kept for five "
        "minutes. No key is needed.",
        "security": [],
        "responses": {
            "200": {"description": "This document.", "headers": ID | _CACHED, "content": content},
            "304": {"description": "Unchanged since the ETag in If-None-Match.", "headers": ID | _CACHED},
        },
    }
