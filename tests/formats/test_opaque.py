"""Opaque blobs: who gets which string (RULES: opaque blobs)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats.opaque import (
    DEFAULT_VENDOR,
    Opaque,
    blob_from_client,
    blob_to_client,
    mark_call,
    mark_redacted,
    split_call,
    split_redacted,
)

DIALECTS = sorted(DEFAULT_VENDOR)
DIALECT = st.sampled_from(DIALECTS)
UNTAGGED = ["abc", "", "hi1", "hi2.x.y", "hi1.x", "hi1..y"]
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VENDOR = TEXT.filter(bool)


def blob(vendor: str, data: str = "abc+/=") -> Opaque:
    return Opaque(vendor, "signature", data)


@pytest.mark.parametrize(
    ("vendor", "client", "upstream", "written"),
    [
        ("anthropic", "anthropic_messages", "anthropic_messages", "abc+/="),
        ("openai", "openai_chat", "openai_chat", "abc+/="),
        ("openai", "openai_responses", "openai_responses", "abc+/="),
        ("google", "openai_chat", "openai_chat", "hi1.google.abc+/="),
        ("amazon", "anthropic_messages", "anthropic_messages", "hi1.amazon.abc+/="),
        ("anthropic", "openai_chat", "anthropic_messages", "hi1.anthropic.abc+/="),
        ("openai", "openai_chat", "openai_responses", "hi1.openai.abc+/="),
        ("openai", "anthropic_messages", "openai_responses", "hi1.openai.abc+/="),
    ],
)
def test_the_default_vendor_of_an_equal_hop_is_verbatim_and_others_are_tagged(
    vendor: str, client: str, upstream: str, written: str
) -> None:
    assert blob_to_client(blob(vendor), client, upstream) == written


@pytest.mark.parametrize(("client", "text"), list(itertools.product(DIALECTS, UNTAGGED)))
def test_an_untagged_string_is_of_the_formats_default_vendor(client: str, text: str) -> None:
    assert blob_from_client(text, client) == (DEFAULT_VENDOR[client], text)


@given(VENDOR, TEXT, DIALECT, DIALECT)
def test_every_blob_comes_back_as_it_was(vendor: str, data: str, client: str, upstream: str) -> None:
    written = blob_to_client(blob(vendor, data), client, upstream)
    assert blob_from_client(written, client) == (vendor, data)


@pytest.mark.parametrize(("vendor", "data"), [("z.ai", "a.b.c"), ("50%2E", "x"), ("openai", "hi1.anthropic.abc"), ("a", "")])
def test_points_and_tags_of_others_do_not_confuse(vendor: str, data: str) -> None:
    for client, upstream in itertools.product(DIALECTS, DIALECTS):
        assert blob_from_client(blob_to_client(blob(vendor, data), client, upstream), client) == (vendor, data)


@given(TEXT)
def test_the_mark_comes_off_again(data: str) -> None:
    assert split_redacted(mark_redacted(data)) == (True, data)


@pytest.mark.parametrize("data", ["", "abc", "redacte"])
def test_what_is_not_marked_stays(data: str) -> None:
    assert split_redacted(data) == (False, data)


@given(TEXT)
def test_the_mark_of_a_call_comes_off_again_and_nests(data: str) -> None:
    assert split_call(mark_call(data)) == (True, data)
    assert split_call(mark_redacted(data)) == (False, mark_redacted(data))
    assert split_redacted(mark_call(data)) == (False, mark_call(data))
    assert split_call("abc") == (False, "abc")
