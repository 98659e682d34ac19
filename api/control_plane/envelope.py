"""Errors of these routes: a refusal as an exception, and its body in the client's envelope (RULES: Errors)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from hyperinfer.formats import FORMATS
from hyperinfer.formats.errors import CODES, ErrorReport

if TYPE_CHECKING:
    from hyperinfer.engine import Failure


class Refusal(Exception):
    """A request that is answered with an error. `status` overrides the code's own (404 and 405)."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        param: str | None = None,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.param = code, message, param
        self.http_status = status if status is not None else CODES[code]
        self.headers = dict(headers or {})
        self.details = details


def refusal_of(failure: Failure) -> Refusal:
    """What accounts or ledger refuse, with the time after which it may be tried again."""
    after = failure.retry_after
    return Refusal(failure.code, failure.message, headers={} if after is None else {"Retry-After": str(math.ceil(after))})


def wants_anthropic(path: str, version_header: bool) -> bool:
    """Whether a client speaks Messages: by the path, or because its SDK says `anthropic-version` on every path."""
    return version_header or path == "/api/v1/messages" or path.startswith("/api/v1/messages/")


def error_body(refusal: Refusal, request_id: str, *, anthropic: bool) -> bytes:
    """The JSON body of an error."""
    report = ErrorReport(
        refusal.code,
        refusal.message,
        request_id,
        param=refusal.param,
        status=refusal.http_status,
        details=refusal.details,
    )
    return FORMATS["anthropic_messages" if anthropic else "openai_chat"].encode_error(report)
