"""Bodies that are no JSON, or odd JSON: the contract's error in the client's envelope, never a crash, never a hang."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.limited import MODELS, post, post_json

if TYPE_CHECKING:
    from tests.support.formats import Route
    from tests.support.served import Running

MALFORMED = {
    "empty": b"",
    "blank": b" \r\n\t",
    "cut off": b'{"model": "test/chat", "messages": [',
    "two documents": b"{} {}",
    "a comment": b'{"model": /* which? */ "test/chat"}',
    "single quotes": b"{'model': 'test/chat'}",
    "a trailing comma": b'{"model": "test/chat",}',
    "a bare NUL": b'{"model": "test/\x00chat"}',
    "latin-1": '{"model": "tést/chat"}'.encode("latin-1"),
    "utf-16": '{"model": "test/chat"}'.encode("utf-16"),
    "a form": b"model=test%2Fchat&stream=true",
    "NaN": b'{"model": "test/chat", "temperature": NaN}',
    "Infinity": b'{"model": "test/chat", "temperature": -Infinity}',
    "a lone minus": b'{"model": "test/chat", "temperature": -}',
    "a leading zero": b'{"model": "test/chat", "temperature": 01}',
    "random bytes": bytes(range(256)),
    "brackets": b"[" * 100_000,
    "closing brackets": b"]" * 100_000,
    "an endless string": b'{"model": "' + b"\\" * 100_001,
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_json(server: Running, route: Route, body: bytes) -> None:
    assert route.told(post(server, route, body)).code == "invalid_request"


@pytest.mark.parametrize("body", [b"null", b"[]", b"17", b'"text"', b"true"])
def test_json_that_is_no_object(server: Running, route: Route, body: bytes) -> None:
    assert route.told(post(server, route, body)).code == "invalid_request"


def with_raw(route: Route, field: str, raw: str, model: str = "test/chat") -> bytes:
    """A good request with one more field of which the JSON text is given."""
    return json.dumps(route.body(model))[:-1].encode() + f', "{field}": {raw}}}'.encode("utf-8", "surrogatepass")


def test_nesting(server: Running, route: Route) -> None:
    for depth, status in ((100, 200), (127, 200), (128, 400), (5_000, 400), (150_000, 400)):
        for opening, closing in (("[", "]"), ('{"a":', "}")):
            inner = "1" if opening != "[" else ""
            answer = post(server, route, with_raw(route, "unknown", opening * depth + inner + closing * depth))
            assert answer.status == status, (depth, opening, answer)
            if status == 400:
                assert route.told(answer).code == "invalid_request"
    assert post_json(server, route, route.body("test/chat", "[" * 1_000)).status == 200


def test_byte_order_mark(server: Running, route: Route) -> None:
    """A parser may ignore it (RFC 8259, 8.1), or not."""
    answer = post(server, route, b"\xef\xbb\xbf" + json.dumps(route.body("test/chat")).encode())
    if answer.status != 200:
        assert route.told(answer).code == "invalid_request"


def test_the_last_of_two_equal_keys_counts(server: Running, route: Route) -> None:
    assert post(server, route, with_raw(route, "model", '"test/messages"')).document["model"] == "test/messages"
    assert route.told(post(server, route, with_raw(route, "model", '"no/such"'))).param == "model"


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("text", ["\\ud800", "\\udc00\\ud800", "\\u0000", "\\uffff", "\\u202e", "\\ud83d\\ude00"])
def test_odd_characters(server: Running, route: Route, model: str, text: str) -> None:
    """Half a surrogate pair is no character: refused or replaced, never a crash, also not in mid-stream."""
    for stream in (False, True):
        body = json.dumps(route.body(model, "HERE", stream=stream)).replace("HERE", f"a{text}b").encode()
        answer = post(server, route, body)
        if answer.status != 200:
            assert route.told(answer).code == "invalid_request"
            assert "ud8" in text or "udc" in text
        else:
            answer.body.decode()
            assert b"internal_error" not in answer.body
    for field in ("model", "user", "metadata"):
        raw = f'{{"{text}": "{text}"}}' if field == "metadata" else f'"{text}"'
        assert post(server, route, with_raw(route, field, raw)).status in (200, 400)


NUMBERS = ["-1", "0.5", "1e3", "1e400", "-1e400", "9" * 400, str(2**63), str(2**64), "-0", "1E-400", "true", '"17"']


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:20])
def test_odd_numbers(server: Running, route: Route, number: str) -> None:
    for field in ("max_tokens", "max_completion_tokens", "max_output_tokens", "temperature", "top_p", "seed", "n", "x"):
        for model in MODELS:
            answer = post(server, route, with_raw(route, field, number, model))
            if answer.status != 200:
                assert route.told(answer).code == "invalid_request", (field, model)
