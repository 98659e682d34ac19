"""What the demo models read in a request, whichever protocol it came in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeGuard, TypeVar

import msgspec

T = TypeVar("T")

Table = dict[str, Any]
"""A JSON object."""

ANY_OBJECT: Final[Table] = {"type": "object", "properties": {"reply": {"type": "string"}}, "required": ["reply"]}
"""The schema of an answer that was asked for as JSON of any shape."""

MOST_TOOLS: Final = 6
"""More are a coding agent's, with a shell and files among them, and agents that begin others: what is called there is
carried out on the caller's machine. The gateway's own five and one of the caller's are not too many."""

_MEDIA: Final = frozenset({"data", "image_url", "file_data", "signature", "encrypted_content"})


class Malformed(Exception):
    """The request is not one of its protocol. `param`: the field."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the caller runs. `schema`: of its arguments; None for a tool that takes free text."""

    name: str
    schema: object
    namespace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request. `tool`: the one to be called now. `result`: what a tool answered since the model's last turn.

    `prompt_tokens`: the size of the request. `limit`: output tokens. `schema`: that the answer must fit, None for
    prose. `wishes`: what only one protocol knows, by name. `echo`: request fields that the reply repeats.
    """

    model: str
    streamed: bool
    title: str
    prompt_tokens: int
    said: str = ""
    result: str | None = None
    tool: Tool | None = None
    reasons: bool = False
    schema: object = None
    limit: int | None = None
    stops: tuple[str, ...] = ()
    wishes: frozenset[str] = frozenset()
    echo: Mapping[str, Any] = field(default_factory=dict[str, Any])


def tokens(text: str) -> int:
    """How many tokens the demo models count for `text`: one for every four characters begun."""
    return -(-len(text) // 4)


def prompt_tokens(*values: object) -> int:
    """The tokens of everything written in `values`, media and opaque blobs apart; at least 1."""
    return max(1, -(-sum(map(_written, values)) // 4))


def read(body: bytes, shape: type[T]) -> tuple[Table, T]:
    """The JSON object in `body`, as it is and as a `shape`. Raises `Malformed`."""
    try:
        raw = msgspec.json.decode(body)
        return raw, msgspec.convert(raw, shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # "… - at `$.messages[0].role`"
        what, _, path = str(error).partition(" - at `$.")
        raise Malformed(what, path.rstrip("`") or None) from None


def last_text(content: str | Sequence[Table] | None) -> str:
    """The last text in the content of a message: a string, or parts of which some are text."""
    if isinstance(content, str) or content is None:
        return content or ""
    texts = [part["text"] for part in content if isinstance(part.get("text"), str) and part["text"].strip()]
    return texts[-1] if texts else ""


def few(tools: Sequence[Tool]) -> Sequence[Tool]:
    """Those to choose from where the request leaves it to the model whether it calls one: none of more than `MOST_TOOLS`."""
    return tools if len(tools) <= MOST_TOOLS else ()


def choose(tools: Sequence[Tool], *, named: str | None = None, allowed: Iterable[str] | None = None) -> Tool | None:
    """The first tool, of those that the request leaves to choose from."""
    names = {named} if named is not None else None if allowed is None else set(allowed)
    return next((tool for tool in tools if names is None or tool.name in names), None)


def is_table(value: object) -> TypeGuard[Table]:
    """Whether a JSON value is an object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether a JSON value is an array."""
    return isinstance(value, list)


def rows(value: object, key: str) -> list[Table]:
    """The objects in the list that stands under `key`."""
    items = value.get(key) if is_table(value) else None
    return [item for item in items if is_table(item)] if is_list(items) else []


def is_effort(value: object) -> bool:
    """Whether an effort level asks for reasoning at all."""
    return isinstance(value, str) and value != "none"


def _written(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    if is_list(value):
        return sum(map(_written, value))
    if is_table(value):
        return sum(len(key) + _written(item) for key, item in value.items() if key not in _MEDIA)
    return 0 if value is None else 1
