"""Blocks of the gateway's own tools in a history that a client sends back: a call and its result."""

from __future__ import annotations

from typing import Any

from hyperinfer.formats.run_history import MADE, RunCall, RunResult, run_call, run_result, told_error
from hyperinfer.formats.tool_records import OurRun, run_of_id, unsealed
from hyperinfer.formats.wire import is_array, is_object

_RESULT = "_tool_result"
_USUAL = ("text", "thinking", "tool_use")


def decode_run(block: dict[str, Any]) -> RunCall | RunResult | None:
    """The part for a block of ours, known by its id; None for any other block."""
    kind = block.get("type")
    if kind in _USUAL:
        return None
    if kind == "server_tool_use" and (run := run_of_id(block.get("id"))) is not None:
        return run_call(run, block.get("input"))
    if isinstance(kind, str) and kind.endswith(_RESULT) and (run := run_of_id(block.get("tool_use_id"))) is not None:
        return _result(run, block)
    return None


def _result(run: OurRun, block: dict[str, Any]) -> RunResult:
    content = block.get("content")
    if is_array(content):
        found = "\n\n".join(_found(result) for result in content if is_object(result))
        return run_result(run, found or "Nothing was found.")
    if not is_object(content):
        return run_result(run, "")
    if str(content.get("type")).endswith("_error"):
        return run_result(run, told_error(block, content.get("error_code")), failed=True)
    if content.get("type") == "web_fetch_result":
        return run_result(run, _fetched(content))
    text = content.get("stdout")
    return run_result(run, text if isinstance(text, str) and text else MADE if run.name == "image" else "")


def _found(result: dict[str, Any]) -> str:
    lines = (result.get("title"), result.get("url"), result.get("page_age"), unsealed(result.get("encrypted_content")))
    return "\n".join(line for line in lines if isinstance(line, str) and line)


def _fetched(result: dict[str, Any]) -> str:
    document = result.get("content")
    source = document.get("source") if is_object(document) else None
    text = source.get("data") if is_object(source) else None
    return text if isinstance(text, str) else ""
