"""`provider` and `models` of a request, which all three formats read alike and send to nobody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hyperinfer.formats import FORMATS
from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.routing import Routing
from hyperinfer.formats.routing_wire import MOST_MODELS, NO_SUCH
from tests.fields.requests import target
from tests.support.bench import DIALECTS, asked

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect
    from hyperinfer.formats.conversation import Conversation

FULL = {
    "order": ["Two", " one "],
    "only": ["one", "ONE"],
    "ignore": ["x"],
    "sort": {"by": "price", "partition": "none"},
    "allow_fallbacks": False,
    "max_price": {"prompt": 0.15, "completion": "2.5", "request": 1, "image": "1", "audio": 0},
    "data_collection": "deny",
    "locations": ["eu", "CH"],
    "require_parameters": True,
    "zdr": False,
    "enforce_distillable_text": False,
    "quantizations": [],
}
READ = Routing(
    models=("a/b",),
    order=("two", "one"),
    only=("one",),
    ignore=("x",),
    sort="price",
    across_models=True,
    allow_fallbacks=False,
    max_prompt=150_000,
    max_completion=2_500_000,
    data_collection="deny",
    locations=("EU", "CH"),
    require_parameters=True,
)


def read(dialect: Dialect, **fields: Any) -> Conversation:
    return FORMATS[dialect].decode_request(asked(dialect, "m", stream=False, **fields))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_read(dialect: Dialect) -> None:
    conversation = read(dialect, provider=FULL, models=["a/b"], route="fallback")
    assert (conversation.routing, conversation.extra, conversation.lost) == (READ, None, ())
    assert read(dialect, provider={}).routing == Routing()
    assert read(dialect, provider={name: None for name in FULL}, models=None).routing == Routing()
    assert read(dialect, provider={"order": [], "only": [], "sort": "throughput"}).routing == Routing(sort="throughput")
    assert read(dialect, provider={"sort": {"partition": "none"}}).routing == Routing(), "there is nothing to sort by"
    assert read(dialect).routing is None
    assert read(dialect, provider=None, models=[]).routing is None


@pytest.mark.parametrize("upstream", DIALECTS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_it_goes_to_no_upstream_and_is_no_loss(dialect: Dialect, upstream: Dialect) -> None:
    plain = FORMATS[upstream].encode_request(read(dialect), target(upstream))
    wishes = FORMATS[upstream].encode_request(read(dialect, provider=FULL, models=["a/b"]), target(upstream))
    assert (wishes.body, wishes.losses) == (plain.body, plain.losses)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_not_heeded_is_a_loss(dialect: Dialect) -> None:
    provider = {"preferred_min_throughput": 5, "preferred_max_latency": None, "new": {"a": 1}}
    conversation = read(dialect, provider=provider)
    assert conversation.lost == (("provider.preferred_min_throughput", NO_SUCH), ("provider.new", NO_SUCH))


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"provider": "one"}, "provider"),
    ({"provider": {"order": "one"}}, "provider.order"),
    ({"provider": {"only": ["one", 2]}}, "provider.only[1]"),
    ({"provider": {"ignore": {}}}, "provider.ignore"),
    ({"provider": {"sort": "speed"}}, "provider.sort"),
    ({"provider": {"sort": ["price"]}}, "provider.sort"),
    ({"provider": {"sort": {"by": "speed"}}}, "provider.sort.by"),
    ({"provider": {"sort": {"by": "price", "partition": "all"}}}, "provider.sort.partition"),
    ({"provider": {"allow_fallbacks": "no"}}, "provider.allow_fallbacks"),
    ({"provider": {"max_price": 3}}, "provider.max_price"),
    ({"provider": {"max_price": {"prompt": -1}}}, "provider.max_price.prompt"),
    ({"provider": {"max_price": {"completion": "cheap"}}}, "provider.max_price.completion"),
    ({"provider": {"max_price": {"completion": "nan"}}}, "provider.max_price.completion"),
    ({"provider": {"max_price": {"image": "inf"}}}, "provider.max_price.image"),
    ({"provider": {"max_price": {"prompt": True}}}, "provider.max_price.prompt"),
    ({"provider": {"data_collection": "never"}}, "provider.data_collection"),
    ({"provider": {"locations": "EU"}}, "provider.locations"),
    ({"provider": {"require_parameters": 1}}, "provider.require_parameters"),
    ({"provider": {"zdr": True}}, "provider.zdr"),
    ({"provider": {"enforce_distillable_text": True}}, "provider.enforce_distillable_text"),
    ({"provider": {"quantizations": ["fp8"]}}, "provider.quantizations"),
    ({"models": "a"}, "models"),
    ({"models": ["a", None]}, "models[1]"),
    ({"models": ["a"] * (MOST_MODELS + 1)}, "models"),
]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("fields", "path"), WRONG, ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_wrong_is_named(dialect: Dialect, fields: dict[str, Any], path: str) -> None:
    with pytest.raises(RequestError) as caught:
        read(dialect, **fields)
    assert caught.value.param == path
    assert caught.value.message.startswith(f"{path}: ")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_first_of_the_models_stands_for_a_missing_one(dialect: Dialect) -> None:
    body = json.loads(asked(dialect, "m", stream=False, models=["a", "b"]))
    del body["model"]
    conversation = FORMATS[dialect].decode_request(json.dumps(body).encode())
    assert (conversation.model, conversation.routing) == ("a", Routing(models=("a", "b")))
    for models in ([], "a", [1], None):
        with pytest.raises(RequestError, match="model"):
            FORMATS[dialect].decode_request(json.dumps(body | {"models": models}).encode())
