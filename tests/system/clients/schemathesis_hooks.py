"""What Schemathesis does with each request and each answer. Runs in the environment that `install.sh` makes.

HYPERINFER_SETTING: JSON, {models: [SLUG, ...], keys: {NAME: KEY}, workspace: ID, seen: FILE}. `keys.good` may do
everything; each of the others is refused for a reason of its own. FILE gets a JSON line for each answer.
"""

# It runs in an environment of its own, whose packages the type checkers do not see.
# pyright: basic, reportMissingImports=false

import json
import os
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import schemathesis

from tests.support.exchange_judge import judge
from tests.support.rawclient import Answer

SETTING = json.loads(os.environ["HYPERINFER_SETTING"])
MODELS, KEYS, SEEN = SETTING["models"], SETTING["keys"], Path(SETTING["seen"])
REFUSED = sorted(KEYS.keys() - {"good"})
GOOD = f"Bearer {KEYS['good']}"

BY_RULE = ("n", "audio", "modalities", "background", "conversation", "previous_response_id", "prompt", "thread")
"""What is always refused, or not by every model (RULES: How the contract is read)."""
TURNS = {
    "createChatCompletion": ("messages", [{"role": "user", "content": "hello"}]),
    "createResponse": ("input", [{"role": "user", "content": "hello"}]),
    "createMessage": ("messages", [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]),
    "countInputTokens": ("input", "hello"),
    "countMessageTokens": ("messages", [{"role": "user", "content": "hello"}]),
}
CALLABLE = {
    "createChatCompletion": {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}},
    "createResponse": {"type": "function", "name": "look", "parameters": {"type": "object"}},
    "createMessage": {"name": "look", "input_schema": {"type": "object"}},
    "countInputTokens": {"type": "function", "name": "look", "parameters": {"type": "object"}},
    "countMessageTokens": {"name": "look", "input_schema": {"type": "object"}},
}


class Draw:
    """Choices that depend on the request alone, so that a run can be repeated and an example be made smaller."""

    def __init__(self, seed: str) -> None:
        self._seed, self._count = seed, 0

    def below(self, limit: int) -> int:
        """A number from 0."""
        self._count += 1
        # One choice must say nothing of the next: a checksum's would.
        drawn = blake2b(f"{self._count} {self._seed}".encode(), digest_size=8).digest()
        return int.from_bytes(drawn, "big") % limit


def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Names that exist in place of most that were made up, often a conversation that is legal, and other keys."""
    name = case.operation.definition.raw.get("operationId")
    body = case.body
    if case.method.upper() != "POST" or not isinstance(body, dict):
        return
    draw = Draw(repr((name, body)))
    if name == "mintPlaygroundKey" and isinstance(body.get("workspace_id"), str) and draw.below(4):
        body["workspace_id"] = SETTING["workspace"]
    if name not in TURNS:
        return
    if isinstance(body.get("model"), str) and draw.below(16):
        body["model"] = MODELS[draw.below(len(MODELS))]
        positive = case.meta is None or case.meta.generation.mode.value == "positive"
        if positive and draw.below(8):
            field, turns = TURNS[name]
            body[field] = turns
            for refused in BY_RULE:
                body.pop(refused, None)
            if draw.below(2):
                body["tools"] = [CALLABLE[name]]
                body.pop("tool_choice", None)
            body["stream"] = bool(draw.below(2))
            if draw.below(8):
                # Preferences and other models that are made up leave nobody who may answer.
                body.pop("provider", None)
                body.pop("models", None)
            if draw.below(3) == 0:
                # So that every pair of formats has answers: much that a schema allows is refused by another format.
                for other in body.keys() - {"model", field, "max_tokens", "stream"}:
                    del body[other]
                if "max_tokens" in body:
                    body["max_tokens"] = 64
                for header in [header for header in case.headers or {} if header.lower().startswith("x-hyperinfer")]:
                    del case.headers[header]
    if case.headers and case.headers.get("Authorization") == GOOD and draw.below(8) == 0:
        case.headers["Authorization"] = f"Bearer {KEYS[REFUSED[draw.below(len(REFUSED))]]}"
    if case.headers and draw.below(16):
        # The few keys that it makes up would make repeats of nearly all requests.
        for header in [header for header in case.headers if header.lower() == "idempotency-key"]:
            del case.headers[header]


def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Event streams are strings in the contract; what is in them is judged below."""
    return str(failure.title) != "SSE event violates schema"


def contract(ctx: Any, response: Any, case: Any) -> None:
    """The answer is one that the contract allows."""
    request = response.request
    sent = request.body or b""
    headers = {name.lower(): values[0] for name, values in response.headers.items()}
    model = case.body.get("model") if isinstance(case.body, dict) else None
    seen = judge(
        request.method,
        unquote(urlsplit(request.url).path),
        sent.encode() if isinstance(sent, str) else sent,
        Answer(response.status_code, headers, response.content),
        may_break_off=not str(model).startswith(("demo/", "plain/")),
    )
    with SEEN.open("a") as file:
        file.write(json.dumps({**asdict(seen), "model": model}) + "\n")


schemathesis.hook(before_call)
schemathesis.hook(filter_failure)
schemathesis.check(contract)
