"""Names of tools that a provider runs itself."""

from __future__ import annotations

import pytest

from hyperinfer.formats.native_tools import is_native, messages_type, unversioned


@pytest.mark.parametrize(
    ("kind", "plain"),
    [
        ("web_search", "web_search"),
        ("web_search_20250305", "web_search"),
        ("web_search_preview", "web_search"),
        ("web_search_preview_2025_03_11", "web_search"),
        ("text_editor_20250728", "text_editor"),
        ("tool_search_tool_regex", "tool_search_tool_regex"),
    ],
)
def test_names_without_their_version(kind: str, plain: str) -> None:
    assert unversioned(kind) == plain
    assert is_native([plain], kind)
    assert is_native([kind], plain)
    assert not is_native(["other"], kind)


def test_the_wire_type_in_messages() -> None:
    assert messages_type(["web_search_20250305", "web_search_20260209", "x"], "web_search") == "web_search_20260209"
    assert messages_type(["web_search"], "web_search_preview") == "web_search_20250305"
    assert messages_type(["datetime"], "datetime") is None
    assert messages_type([], "web_search") is None
