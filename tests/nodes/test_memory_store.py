"""The store that tests on virtual time use keeps every law of a store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from tests.api.store.ledger_laws import LAWS
from tests.support.ledger import memory_store

if TYPE_CHECKING:
    from tests.api.store.admission_laws import Store


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
async def test_law(law: Callable[[Store], Awaitable[None]], autojump_clock: object) -> None:
    del autojump_clock
    with memory_store() as store:
        await law(store)
