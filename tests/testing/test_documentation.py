"""docs/testing.md: its examples are tests and pass as a user's would; its names are real, and those of the kit are in it."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hyperinfer import testing
from tests.project.blocks import named
from tests.project.tree import ROOT

TEXT = (ROOT / "docs" / "testing.md").read_text("utf-8")
EXAMPLES = named("docs/testing.md", "test")


@pytest.mark.filterwarnings("ignore:Async generator .* was garbage collected:ResourceWarning")
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_pass(name: str) -> None:
    scope: dict[str, Any] = {"__name__": f"example_{name}"}
    exec(compile(EXAMPLES[name], f"{name} of docs/testing.md", "exec", dont_inherit=True), scope)
    (example,) = (value for key, value in scope.items() if key.startswith("test_"))
    if not inspect.signature(example).parameters:
        example()
        return
    # As the plugin does it, whose own tests are beside this file.
    (marker,) = (mark for mark in example.pytestmark if mark.name == "scripted_upstream")
    with testing.ScriptedUpstream(*marker.args, **marker.kwargs) as upstream:
        if inspect.iscoroutinefunction(example):
            clock = MockClock(autojump_threshold=0)
            trio.run(example, upstream, clock, clock=clock)
        else:
            example(upstream)


def test_there_are_examples() -> None:
    assert set(EXAMPLES) == {"first", "tools", "time"}


def test_every_part_and_answer_is_explained() -> None:
    inner = {"Answer", "Asked", "Chunk", "Ending", "Received", "Upstream", "Wire", "render"}
    missing = [name for name in testing.__all__ if name not in inner and not re.search(rf"\b{name}\b", TEXT)]
    assert not missing


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([A-Z]\w+)\(", TEXT)) - {"AsyncClient"}))
def test_what_the_page_calls_is_there(name: str) -> None:
    assert hasattr(testing, name)
