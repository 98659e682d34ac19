"""A secret shows itself nowhere but through reveal()."""

import copy
import logging
import pickle
from dataclasses import dataclass

import msgspec
import pytest

from hyperinfer.providers.secret import Secret

TEXT = "sk-very-secret-4711"


@dataclass(frozen=True)
class Holder:
    key: Secret


def test_no_way_of_printing_shows_it(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(TEXT)
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("key %s %r", secret, secret)
    shown = [str(secret), repr(secret), f"{secret}", f"{secret!r:>40}", format(secret, "^30"), "%s" % secret]  # noqa: UP031
    shown += [repr(Holder(secret)), repr([secret]), repr(vars(Holder(secret))), caplog.text]
    assert not [text for text in shown if TEXT in text]
    assert all("Secret(***)" in text for text in shown)


def test_it_is_not_serialised() -> None:
    secret = Secret(TEXT)
    with pytest.raises(TypeError, match="not serialised"):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        msgspec.json.encode(secret)
    with pytest.raises(TypeError, match="not serialised"):
        copy.copy(secret)


def test_reveal_and_equality() -> None:
    assert Secret(TEXT).reveal() == TEXT
    assert Secret(TEXT) == Secret(TEXT)
    assert Secret(TEXT) != Secret("other")
    assert Secret(TEXT) != TEXT
    assert len({Secret(TEXT), Secret(TEXT), Secret("ünïcode")}) == 2
    undecodable = b"\xff".decode("utf-8", "surrogateescape")  # as an environment variable may be
    assert Secret(undecodable) == Secret(undecodable) != Secret(TEXT)


def test_it_does_not_change() -> None:
    secret = Secret(TEXT)
    with pytest.raises(AttributeError):
        secret._value = "x"  # pyright: ignore[reportAttributeAccessIssue, reportPrivateUsage]
    with pytest.raises(AttributeError):
        del secret._value  # pyright: ignore[reportPrivateUsage]
    assert not hasattr(secret, "__dict__")
