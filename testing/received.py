"""A request as an upstream got it, parsed for assertions, the same for all three protocols."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats import Conversation, Dialect

Outcome: TypeAlias = Literal["open", "answered", "failed", "left"]
"""How an exchange went. `open`: it goes on. `answered`: everything was sent (over a transport: and read). `failed`: a fault
of the script broke it. `left`: the client closed it before its end."""


class Received:
    """One request.

    `dialect` is None for what asks no model: a list of models. `number` counts from 0, over all requests. `headers` are by
    lower-case name. `at`: when it came, in seconds of the clock it ran on (trio's, asyncio's, else the monotonic one).
    """

    def __init__(
        self,
        *,
        number: int,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: bytes,
        dialect: Dialect | None,
        at: float,
    ) -> None:
        self.number, self.method, self.path, self.query = number, method, path, query
        self.headers, self.body, self.at = headers, body, at
        self.dialect: Dialect | None = dialect
        self.outcome: Outcome = "open"
        self._over = threading.Event()

    def __repr__(self) -> str:
        said = self.said if self.dialect else ""
        quote = f", {said if len(said) <= 60 else said[:59] + '…'!r}" if said else ""
        model = f", model {self.model!r}" if self.model else ""
        return f"<request {self.number}: {self.method} {self.path}{model}{quote}>"

    @cached_property
    def json(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is none."""
        try:
            value: Any = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return cast("dict[str, Any]", value) if isinstance(value, dict) else {}

    @property
    def model(self) -> str:
        """The model that was asked for."""
        model = self.json.get("model")
        return model if isinstance(model, str) else ""

    @property
    def streamed(self) -> bool:
        """Whether a stream was asked for."""
        return self.json.get("stream") is True

    @cached_property
    def messages(self) -> list[dict[str, Any]]:
        """The messages as they were sent; of Responses the input items (an input that is a string as one user message)."""
        if self.dialect == "openai_responses":
            given: Any = self.json.get("input")
            return [{"role": "user", "content": given}] if isinstance(given, str) else _tables(given)
        return _tables(self.json.get("messages"))

    @cached_property
    def system(self) -> str:
        """All system and developer text, set apart by empty lines."""
        parts = [_text(self.json.get("system") or self.json.get("instructions"))]
        parts += [
            _text(message.get("content")) for message in self.messages if message.get("role") in ("system", "developer")
        ]
        return "\n\n".join(part for part in parts if part)

    @cached_property
    def said(self) -> str:
        """The text of the last user message that has any."""
        texts = [_text(message.get("content")) for message in self.messages if message.get("role") == "user"]
        return next((text for text in reversed(texts) if text), "")

    @cached_property
    def tools(self) -> list[dict[str, Any]]:
        """The tools as they were sent."""
        return _tables(self.json.get("tools"))

    @cached_property
    def tool_names(self) -> list[str]:
        """The names of the tools; the type of one that has no name."""
        inner = [next(filter(is_object, (tool.get("function"), tool.get("custom"))), tool) for tool in self.tools]
        return [str(tool.get("name") or tool.get("type")) for tool in inner]

    @cached_property
    def tool_results(self) -> dict[str, str]:
        """What tools have answered, as text, by the id of the call."""
        found: dict[str, str] = {}
        for message in self.messages:
            if message.get("role") == "tool":
                found[str(message.get("tool_call_id"))] = _text(message.get("content"))
            elif message.get("type") in ("function_call_output", "custom_tool_call_output"):
                found[str(message.get("call_id"))] = _text(message.get("output"))
            for block in _tables(message.get("content")):
                if block.get("type") == "tool_result":
                    found[str(block.get("tool_use_id"))] = _text(block.get("content"))
        return found

    @cached_property
    def conversation(self) -> Conversation:
        """The request in the canonical form of `hyperinfer.formats`. Raises `RequestError` for one that is against its
        protocol, `ValueError` for one that asks no model."""
        from hyperinfer.formats.registry import FORMATS

        if self.dialect is None:
            raise ValueError(f"{self!r} asks no model")
        return FORMATS[self.dialect].decode_request(self.body)

    def end(self, outcome: Outcome) -> None:
        """For who carries the answer. The first outcome counts."""
        if self.outcome == "open":
            self.outcome = outcome
            self._over.set()

    def wait_ended(self, timeout: float = 5.0) -> Outcome:
        """The outcome, once there is one: on a port it comes a moment after the client's side of it. Blocks, so not for an
        event loop that has to move meanwhile. Raises `TimeoutError` after `timeout` seconds."""
        if not self._over.wait(timeout):
            raise TimeoutError(f"{self!r} is still open after {timeout:g} s")
        return self.outcome


def _tables(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        return []
    return [cast("dict[str, Any]", item) for item in cast("Iterable[Any]", value) if isinstance(item, dict)]


def _text(content: Any) -> str:
    """The text of a message's content: a string, or parts of which some have text."""
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in _tables(content) if isinstance(part.get("text"), str))
