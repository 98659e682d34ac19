"""Reading JSON of others: the path of what is wrong, and the fields that nobody knows."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from hyperinfer.formats import FORMATS, Dialect
from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.wire import extras, join, json_type, parse_object, read


class Inner(msgspec.Struct, kw_only=True):
    """A record in a record."""

    name: str
    count: int | None = None


class Outer(msgspec.Struct, kw_only=True):
    """What the tests read."""

    model: str
    items: list[Inner] | None = None
    one: Inner | None = None
    free: dict[str, Any] | None = None
    either: str | list[str] | None = None
    positive: Annotated[int, Meta(gt=0)] | None = None
    share: Annotated[float, Meta(ge=0, le=1)] | None = None
    some: Annotated[list[int], Meta(min_length=1)] | None = None


GOOD = {"model": "m", "items": [{"name": "a"}]}


@pytest.mark.parametrize(
    ("change", "param", "text"),
    [
        ({"model": 1}, "model", "model: expected a string, got an integer"),
        ({"model": None}, "model", "model: expected a string, got null"),
        ({"items": {}}, "items", "items: expected an array or null, got an object"),
        ({"items": [{"name": "a"}, {"name": 2}]}, "items[1].name", "items[1].name: expected a string, got an integer"),
        ({"items": [{"name": "a"}, {}]}, "items[1].name", "items[1].name: this field is required"),
        ({"items": [None]}, "items[0]", "items[0]: expected an object, got null"),
        ({"one": {"name": "a", "count": 1.5}}, "one.count", "one.count: expected an integer or null, got a number"),
        ({"one": {}}, "one.name", "one.name: this field is required"),
        ({"free": []}, "free", "free: expected an object or null, got an array"),
        ({"either": ["a", 1]}, "either[1]", "either[1]: expected a string, got an integer"),
        ({"either": True}, "either", "either: expected a string, an array or null, got a boolean"),
        ({"positive": 0}, "positive", "positive: expected an integer >= 1"),
        ({"positive": "1"}, "positive", "positive: expected an integer or null, got a string"),
        ({"share": 2}, "share", "share: expected a number <= 1.0"),
        ({"share": []}, "share", "share: expected a number or null, got an array"),
        ({"some": []}, "some", "some: expected an array of length >= 1"),
    ],
)
def test_a_wrong_type_names_its_path(change: dict[str, Any], param: str, text: str) -> None:
    with pytest.raises(RequestError) as caught:
        read({**GOOD, **change}, Outer)
    assert (caught.value.param, caught.value.message, caught.value.code) == (param, text, "invalid_request")


def test_a_missing_field_is_named() -> None:
    with pytest.raises(RequestError) as caught:
        read({}, Outer)
    assert (caught.value.param, caught.value.message) == ("model", "model: this field is required")


def test_the_path_of_the_record_stands_before() -> None:
    cases: list[tuple[object, str]] = [({"name": 1}, "m[3].x.name"), ({}, "m[3].x.name"), ([], "m[3].x")]
    for value, param in cases:
        with pytest.raises(RequestError) as caught:
            read(value, Inner, "m[3].x")
        assert caught.value.param == param


def test_a_wrong_record_at_the_top_has_no_path() -> None:
    with pytest.raises(RequestError) as caught:
        read([], Outer)
    assert (caught.value.param, caught.value.message) == (None, "expected an object, got an array")


def test_nulls_are_as_absent() -> None:
    assert read({**GOOD, "one": None, "free": None, "either": None}, Outer) == read(GOOD, Outer)


def test_unknown_fields_are_accepted_at_every_level_and_given_verbatim() -> None:
    value: dict[str, Any] = {**GOOD, "x": [1, {"y": None}], "one": {"name": "a", "z": 1}}
    record = read(value, Outer)
    assert record.one is not None
    assert extras(value, Outer) == {"x": [1, {"y": None}]}
    assert extras(value["one"], Inner) == {"z": 1}
    assert extras(GOOD, Outer) is None


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "the body is empty"),
        (b"{", "; it ends before its last brace"),
        (b"{'model': 'demo/chat'}", "; names and texts stand in double quotes"),
        (b"'{\"model\": 1}'", "; quotes around the whole of it are part of it"),
        (b"\xff", "not valid JSON"),
        (b'{"a": "\xff"}', "not valid JSON"),
        (b'{"a": NaN}', "not valid JSON"),
        (b'{"a": 1e999}', "not valid JSON"),
        (b"[]", "must be a JSON object, not an array"),
        (b'"x"', "must be a JSON object, not a string"),
        (b"null", "must be a JSON object, not null"),
        (b"true", "must be a JSON object, not a boolean"),
        (b"1", "must be a JSON object, not a number"),
        (b"1.5", "must be a JSON object, not a number"),
        (b'{"a":' * 100_000, "nested deeper than 1000 levels"),
        (b"[" * 100_000 + b"]" * 100_000, "nested deeper than 1000 levels"),
    ],
)
def test_a_body_that_is_no_object_is_refused(body: bytes, text: str) -> None:
    with pytest.raises(RequestError, match=text):
        parse_object(body)


@given(st.binary(max_size=40))
def test_no_body_raises_anything_else(body: bytes) -> None:
    with contextlib.suppress(RequestError):
        assert isinstance(parse_object(body), dict)


@pytest.mark.parametrize(
    ("path", "inner", "joined"),
    [("a", "b", "a.b"), ("a[0]", "b", "a[0].b"), ("a", "[0]", "a[0]"), ("", "b", "b"), ("a", "", "a")],
)
def test_paths_join(path: str, inner: str, joined: str) -> None:
    assert join(path, inner) == joined


def test_the_names_of_json_types() -> None:
    values: list[object] = [{}, [], "", True, 1, 1.0, None]
    assert [json_type(value) for value in values] == [
        "an object",
        "an array",
        "a string",
        "a boolean",
        "a number",
        "a number",
        "null",
    ]


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("openai_chat", {"messages": [{"role": "user", "content": "x"}], "max_tokens": 64.0, "seed": 7.0}),
        ("openai_responses", {"input": "x", "max_output_tokens": 64.0}),
        ("anthropic_messages", {"messages": [{"role": "user", "content": "x"}], "max_tokens": 64.0}),
    ],
)
def test_a_number_without_a_fraction_is_an_integer(dialect: Dialect, body: dict[str, Any]) -> None:
    """As in JSON Schema, which the contract is written in."""
    asked = msgspec.json.encode({"model": "m", **body})
    assert b"64.0" in asked
    assert FORMATS[dialect].decode_request(asked).sampling.max_tokens == 64
    with pytest.raises(RequestError, match="expected an integer"):
        FORMATS[dialect].decode_request(asked.replace(b"64.0", b"64.5"))
