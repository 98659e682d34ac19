"""An error as a value: what travels along a stream in place of an item when something went wrong that the
client has to be told about. Exceptions are for bugs; this is for everything that is expected to happen.

It travels past every node to the next one that accepts failures, in its place among the items, and out of the graph
to the final sink when nobody did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure with its stable code and the words for people.

    code: stable, machine-readable; the engine does not interpret it.
    message: one sentence that may be shown to the client; holds no secret.
    param: path of the input that is at fault, if one is.
    retry_after: seconds after which a repeat may succeed.
    details: further facts, JSON-representable.
    """

    code: str
    message: str
    param: str | None = None
    retry_after: float | None = None
    details: Mapping[str, object] = field(default_factory=dict[str, object])
