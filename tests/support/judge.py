"""The strict judge of event streams that lies in the folder shared beside the repository."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

FILE = Path(__file__).parents[2].parent / "shared" / "judges" / "sse_grammar.py"
_PROTOCOLS = {"openai_chat": "chat", "openai_responses": "responses", "anthropic_messages": "messages"}


@cache
def _module() -> Any:
    if not FILE.exists():
        pytest.skip(f"{FILE} is not on this machine")
    spec = importlib.util.spec_from_file_location("sse_grammar", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def breaches(dialect: Dialect, stream: bytes, *, failed: bool = False) -> list[str]:
    """What is wrong with a stream towards a client of `dialect`; empty when nothing is. `failed`: it may end in an error."""
    judged = _module().judge(_PROTOCOLS[dialect], stream, dialect == "openai_chat", failed)
    found: list[str] = judged.bad
    return found


def breaches_if_judged(dialect: Dialect, stream: bytes, *, failed: bool = False) -> list[str]:
    """`breaches` for tests that prove something without the judge too, of many answers at a time: empty where it is not."""
    return breaches(dialect, stream, failed=failed) if FILE.exists() else []
