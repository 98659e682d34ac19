"""What the head of a request says to the data plane, apart from its method: read once for heads that are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hyperinfer.api.client_key import KEY_BEGINS, key_of
from hyperinfer.api.media_type import is_json
from hyperinfer.api.store.keys import digest
from hyperinfer.engine import Failure
from hyperinfer.nodes.items import HeaderList

if TYPE_CHECKING:
    from hyperinfer.api.edge.exchange import Exchange, Headers

_READ = {
    name.encode(): name
    for name in (
        "authorization",
        "x-api-key",
        "content-type",
        "content-encoding",
        "x-hyperinfer-strict",
        "x-request-id",
        "idempotency-key",
        "anthropic-version",
        "anthropic-beta",
    )
}
"""The headers that are looked at. `content-length` cannot be among them: see `HeadMemo`."""

_PASSED_ON = ("anthropic-version", "anthropic-beta")


class RequestHead(msgspec.Struct, frozen=True, gc=False):
    """A head. It may outlive its request, and so holds no secret.

    `key`: the SHA-256 digest of the secret, None without one. `refusal`: what is wrong with the other fields, to be told to
    those who may call at all. `strict`: `X-HyperInfer-Strict`. `passed_on`: for a Messages hop. `once`: `Idempotency-Key`.
    `theirs`: the client's own id of the request. `foreign`: the key does not look like any of ours.
    """

    key: bytes | None
    refusal: Failure | None
    strict: bool
    passed_on: HeaderList
    once: str | None
    theirs: str | None
    foreign: bool = False


def head_of(exchange: Exchange) -> RequestHead:
    """That of an exchange."""
    memo = exchange.memo
    head = memo.made
    if type(head) is not RequestHead:
        head = memo.made = read_head(exchange.headers)
    return head


def read_head(headers: Headers) -> RequestHead:
    """What these fields say; depends on nothing else."""
    fields = _fields(headers)
    secret = key_of(fields)
    return RequestHead(
        key=None if secret is None else digest(secret),
        refusal=_refusal_of(fields),
        strict=fields.get("x-hyperinfer-strict", "").lower() == "true",
        passed_on=tuple([(name, fields[name]) for name in _PASSED_ON if name in fields]),
        once=fields.get("idempotency-key"),
        theirs=fields.get("x-request-id"),
        foreign=secret is not None and not secret.startswith(KEY_BEGINS),
    )


def _refusal_of(fields: dict[str, str]) -> Failure | None:
    if not is_json(fields.get("content-type", "")):
        message = "The body must be JSON, with the header Content-Type: application/json."
        return Failure("invalid_request", message)
    if fields.get("content-encoding", "identity").lower() != "identity":
        return Failure("invalid_request", "The body must not be compressed: send it without Content-Encoding.")
    if fields.get("x-hyperinfer-strict", "").lower() not in ("", "true", "false"):
        # Taken for a "no", it would lose what its sender asked not to lose.
        return Failure("invalid_request", "X-HyperInfer-Strict is true or false.", param="X-HyperInfer-Strict")
    return None


def _fields(headers: Headers) -> dict[str, str]:
    """Values by lower-case name; repeated ones are joined with commas (RFC 9110, 5.3)."""
    values: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name = _READ.get(raw_name)
        if name is not None:
            value = raw_value.decode("latin-1")
            values[name] = f"{values[name]},{value}" if name in values else value
    return values
