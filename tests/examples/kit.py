"""The worked examples as modules, before providers that follow scripts."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from hyperinfer.engine import open_run
from hyperinfer.formats import FORMATS, Burst, Dialect, text_of
from hyperinfer.nodes import Chunk, Incoming, Ticket
from hyperinfer.providers import Upstreams, load
from tests.project.tree import ROOT

if TYPE_CHECKING:
    from hyperinfer.engine import Graph
    from hyperinfer.testing import ScriptedUpstream

FOLDER = ROOT / "docs" / "examples"
NAMES = sorted(file.stem for file in FOLDER.glob("*.py"))

_MODEL = """\
  - slug: test/{name}
    context_length: 1000
    max_output_tokens: 100
    pricing: {{prompt: 0, completion: 0}}
    source: made up for the tests
    routes: [{{provider: {name}, model: {name}}}]
"""
CATALOGUE = load(
    """\
providers:
  one: {protocol: openai_chat, base_url: "https://one.test/v1", timeouts: {first_token: 1000}}
  two: {protocol: anthropic_messages, base_url: "https://two.test/v1"}
creators:
  test: {name: Test}
models:
"""
    + _MODEL.format(name="one")
    + _MODEL.format(name="two"),
    {},
)


@cache
def example(name: str) -> Any:
    """An example as a module."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where annotations are looked up
    spec.loader.exec_module(module)
    return module


def upstreams(upstream: ScriptedUpstream) -> Upstreams:
    """The clients of all providers, carried to one script."""
    return Upstreams(upstream.transport())


def asking(text: str, client: Dialect = "openai_chat", *, stream: bool = True, **more: Any) -> Incoming:
    """A request that says `text`, in a trio run."""
    messages = [{"role": "user", "content": text}]
    field = "input" if client == "openai_responses" else "messages"
    if client == "anthropic_messages":
        more.setdefault("max_tokens", 50)
    body = {"model": "any", "stream": stream, field: messages, **more}
    return Incoming(Ticket.plain("r1", FORMATS[client]), json.dumps(body).encode())


async def outputs(graph: Graph, incoming: Incoming) -> list[Any]:
    """All that comes out."""
    async with open_run(graph, [incoming]) as items:
        return [item async for item in items]


def written(items: Sequence[Any]) -> str:
    """The bytes to the client, as text."""
    return b"".join(item.data for item in items if isinstance(item, Chunk)).decode()


def said(items: Sequence[Any]) -> str:
    """The text of the bursts among these."""
    bursts: list[Burst] = [item for item in items if isinstance(item, tuple)]
    return "".join(map(text_of, bursts))
