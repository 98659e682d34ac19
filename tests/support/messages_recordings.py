"""The recorded exchanges of Messages providers, where the folder exists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hyperinfer.formats.wire import is_array, is_object

SHARED = Path(__file__).resolve().parents[3] / "shared"
RECORDINGS = SHARED / "recordings" / "anthropic_messages"
CAPTURED = SHARED / "judges" / "captured"
JUDGE = SHARED / "judges" / "sse_grammar.py"

needs_recordings = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="no recordings beside the repository")


def cases(file: str) -> list[Path]:
    """The recordings that have this file."""
    return sorted(path.parent for path in RECORDINGS.glob(f"*/{file}")) if RECORDINGS.is_dir() else []


def captured_requests() -> list[tuple[str, dict[str, Any]]]:
    """(name, body) of the Messages requests that real clients sent and that must be accepted."""
    found: list[tuple[str, dict[str, Any]]] = []
    for path in sorted(CAPTURED.glob("*.json")):
        for number, request in enumerate(json.loads(path.read_text())["requests"]):
            if request["path"].partition("?")[0] != "/api/v1/messages" or request.get("expect") is not None:
                continue
            body = request["body"]
            tools: list[dict[str, Any]] = body.get("tools") or []
            body["tools"] = [tool for tool in tools if "_left_out" not in tool] or None
            found.append((f"{path.stem}-{number}", body))
    return found


def recorded_requests() -> list[tuple[str, dict[str, Any]]]:
    """(name, body) of the recorded requests."""
    return [(path.name, json.loads((path / "request.json").read_text())) for path in cases("request.json")]


def without_nulls(value: Any) -> Any:
    """The value without null fields, which mean absent."""
    if is_object(value):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    if is_array(value):
        return [without_nulls(item) for item in value]
    return value
