"""What a caller says of who may serve a request: the preferences of `provider` and `models`, in OpenRouter's shape.

They are for the gateway and go to no upstream.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Sort: TypeAlias = Literal["price", "latency", "throughput"]


class Routing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The preferences of one request. Empty or None: none of that kind.

    `models`: slugs that are tried after the request's own, in order, as they came (`models[1]` is the second).
    `order`, `only`, `ignore`: names of providers, in lower case. `sort`: what the routes are sorted by, those of each model
    by themselves or (`across_models`) all. `allow_fallbacks`: False where only the first route may serve, or those of
    `order`. `max_prompt`, `max_completion`: the most that a token may cost, in pico-USD. `data_collection`: deny where only
    providers that keep nothing may serve. `locations`: the only places where it may be served, in upper case.
    `require_parameters`: only where nothing of the request is lost.
    """

    models: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    sort: Sort | None = None
    across_models: bool = False
    allow_fallbacks: bool = True
    max_prompt: int | None = None
    max_completion: int | None = None
    data_collection: Literal["allow", "deny"] = "allow"
    locations: tuple[str, ...] = ()
    require_parameters: bool = False
