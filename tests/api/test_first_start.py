"""What an operator is told at a start, once and to the letter."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest

from hyperinfer.api.cli.output import Output
from hyperinfer.api.first_start import first_start
from hyperinfer.api.given_secrets import SettingError, console_token
from hyperinfer.api.store.console_access import kept_of, proof_of
from hyperinfer.providers.secret import Secret
from tests.api.store.samples import NOW, a_store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hyperinfer.api.store.embedded import EmbeddedStore

KEY = r"hi-[\w-]{43}"
TOKEN = r"hc-[\w-]{43}"
COUNTED = "active API keys: 1 (`hyperinfer keys create --workspace NAME` makes another)"


async def started(
    store: EmbeddedStore, environ: Mapping[str, str] | None = None, *, json: bool = False, console: bool = True
) -> tuple[str, str | None]:
    """What is printed, and what is said once it listens."""
    out, err = io.StringIO(), io.StringIO()
    greeting = await first_start(store, environ or {}, Output(out, err, json=json), now=NOW, console=console)
    assert err.getvalue() == ""
    return out.getvalue(), greeting


async def test_a_key_and_a_token_once(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        printed, greeting = await started(store)
        found = re.fullmatch(
            rf"API key of workspace 'default' \(shown once\): {KEY}\nToken of the console \(shown once\): ({TOKEN})\n",
            printed,
        )
        assert found is not None
        assert greeting is None
        assert await store.console.kept() == kept_of(proof_of(Secret(found[1])))
        assert await started(store) == ("", COUNTED)


async def test_in_json_an_event_each(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        printed, _ = await started(store, json=True)
        first = rf'{{"event":"first_start","workspace":"default","key":"{KEY}"}}\n'
        assert re.fullmatch(first + rf'{{"event":"console_token","token":"{TOKEN}"}}\n', printed)


async def test_a_store_from_before_there_was_a_console_gets_a_token(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        printed, _ = await started(store, console=False)
        assert re.fullmatch(rf"API key of workspace 'default' \(shown once\): {KEY}\n", printed)
        assert await store.console.kept() is None
        printed, greeting = await started(store)
        assert re.fullmatch(rf"Token of the console \(shown once\): {TOKEN}\n", printed)
        assert greeting == COUNTED
        assert await started(store) == ("", COUNTED)


async def test_with_one_in_the_environment_none_is_made(tmp_path: Path) -> None:
    environ = {"HYPERINFER_CONSOLE_TOKEN": "0123456789abcdef", "HYPERINFER_BOOTSTRAP_KEY": "hi-given"}
    async with a_store(tmp_path) as store:
        assert await started(store, environ) == ("", None)
        assert await store.console.kept() is None


@pytest.mark.parametrize(
    "token", ["short", "0123456789abcde", "0123456789 abcdef", "0123456789abcdeü", "0123456789abcdef\n"]
)
def test_a_token_that_could_be_guessed_or_not_typed_is_refused(token: str) -> None:
    with pytest.raises(SettingError) as caught:
        console_token({"HYPERINFER_CONSOLE_TOKEN": token})
    assert str(caught.value) == "HYPERINFER_CONSOLE_TOKEN: must be at least 16 characters of visible ASCII"
    assert console_token({"HYPERINFER_CONSOLE_TOKEN": ""}) is None
