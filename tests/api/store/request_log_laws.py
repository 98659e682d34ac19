"""The laws of looking requests up, as functions over any store; part of `ledger_laws`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from hyperinfer.api.ids import RequestIds
from hyperinfer.api.store.request_log import RequestsQuestion
from tests.api.store.admission_laws import a_principal
from tests.api.store.samples import NOW, USD, a_generation, an_admission

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hyperinfer.nodes.ports import Generation
    from tests.api.store.admission_laws import Store


def _request(second: int, workspace: str, **changes: object) -> Generation:
    """One of that second, under an id as requests have them."""
    id_ = RequestIds(lambda: NOW + second, lambda length: b"\x11" * length).next()
    row = a_generation(id_, workspace, 7, created_at=NOW + second)
    return msgspec.structs.replace(row, **changes)


async def requests_are_listed_page_by_page_the_latest_first(store: Store) -> None:
    lab = (await a_principal(store, USD)).workspace
    other = (await store.create_workspace("other", USD)).id
    requests = [_request(number, lab if number % 2 else other) for number in range(5)]
    for each in (requests[3], requests[0], *requests[1:3], requests[4]):
        await store.settle(each)
    latest = list(reversed(requests))
    first = await store.requests(RequestsQuestion(limit=3))
    assert list(first.requests) == latest[:3]
    assert first.next == latest[2].id
    await store.settle(_request(9, lab))  # comes in meanwhile, and shifts nothing
    rest = await store.requests(RequestsQuestion(limit=2, before=first.next))
    assert (list(rest.requests), rest.next) == (latest[3:], None)
    assert [await store.request(each.id) for each in requests] == requests
    assert await store.request("none") is None
    (key,) = await store.keys("lab")
    assert await store.keys_by_id({key.id, "playground:console:abc", "nul\0"}) == {key.id: key}


async def requests_are_found_by_what_they_are(store: Store) -> None:
    principal = await a_principal(store, USD)
    lab = principal.workspace
    other = (await store.create_workspace("other", USD)).id
    plain = _request(0, lab)
    keyed, modelled, provided = (
        _request(1, lab, key_id="key_2"),
        _request(2, lab, model="c/d"),
        _request(3, lab, provider="nul\0"),
    )
    failed = _request(4, lab, status="failed", error_code="provider_timeout")
    signed = _request(5, other, provider="nul\u2400")
    for each in (plain, keyed, modelled, provided, failed, signed):
        await store.settle(each)
    await store.admit(an_admission("unfinished", principal, 1))  # is in no list before it is over
    asked = {
        RequestsQuestion(workspace=lab, limit=1000): [failed, provided, modelled, keyed, plain],
        RequestsQuestion(key="key_2"): [keyed],
        RequestsQuestion(model="c/d", provider="provider"): [modelled],
        RequestsQuestion(provider="nul\0"): [provided],
        RequestsQuestion(provider="nul\u2400"): [signed],
        RequestsQuestion(key="\0", model="\0"): [],
        RequestsQuestion(statuses=("failed", "interrupted")): [failed],
        RequestsQuestion(since=NOW + 1, until=NOW + 3): [modelled, keyed],
    }
    for question, found in asked.items():
        assert list((await store.requests(question)).requests) == found, question


REQUEST_LOG_LAWS: Final[tuple[Callable[[Store], Awaitable[None]], ...]] = (
    requests_are_listed_page_by_page_the_latest_first,
    requests_are_found_by_what_they_are,
)
