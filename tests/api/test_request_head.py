"""What is made of a head is made of its fields alone, and says nothing that may change while its connection lives."""

from __future__ import annotations

import msgspec
import pytest

from hyperinfer.api.request_head import head_of, read_head
from hyperinfer.api.store.keys import digest
from tests.support.exchanges import ScriptedExchange

FIELDS = {"authorization": "Bearer hi-secret", "content-type": "application/json"}


def test_the_length_of_the_body_is_not_looked_at() -> None:
    fields = [(name.encode(), value.encode()) for name, value in FIELDS.items()]
    assert read_head([*fields, (b"content-length", b"3")]) == read_head([(b"content-length", b"x"), *fields])


def test_an_exchange_with_the_memo_of_another_is_read_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, other = (ScriptedExchange(b"{}", FIELDS) for _ in range(3))
    second.memo = first.memo
    head = head_of(first)
    monkeypatch.delattr("hyperinfer.api.request_head.read_head")
    assert head_of(second) is head
    with pytest.raises(NameError):
        head_of(other)


def test_no_secret_outlives_its_request() -> None:
    exchange = ScriptedExchange(b"{}", FIELDS | {"x-api-key": "other-secret"})
    head = head_of(exchange)
    assert head.key == digest("hi-secret")
    assert "secret" not in repr(msgspec.structs.astuple(head))
