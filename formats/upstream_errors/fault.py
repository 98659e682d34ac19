"""What went wrong upstream, in the gateway's own words."""

from typing import Final

import msgspec

CREDENTIALS_REFUSED: Final = "The provider refused the gateway's credentials."
"""In place of the upstream's words, which may quote the key."""

MODEL_MISSING: Final = "The provider does not serve the model of this route."
"""In place of the upstream's words, which name its own model and account."""

SENTENCES: Final = {
    "provider_auth": CREDENTIALS_REFUSED,
    "provider_rate_limit": "The provider's rate limit is reached.",
    "provider_overloaded": "The provider is overloaded.",
    "provider_timeout": "The provider did not answer in time.",
    "provider_unavailable": "The provider is unavailable.",
    "context_length_exceeded": "The request is longer than the context of the model.",
    "content_filter": "The provider's content filter refused the request.",
    "payload_too_large": "The request is larger than the provider accepts.",
    "invalid_request": "The provider refused the request as invalid.",
}
"""What is said when the upstream said nothing that can be shown."""


class UpstreamFault(msgspec.Struct, frozen=True, kw_only=True):
    """One failed attempt at an upstream, before or within its response.

    `code`: of the published taxonomy. `message`: for the client, redacted, one line, at most 500 characters. `detail`: the
    upstream's own words, redacted as well, for the operator's log; differs from `message` where the client gets a neutral
    sentence. `retry_after`: seconds. `param`: the field of the request that the upstream names. `status`: the upstream's
    HTTP status, 0 when there was none. `upstream_type`, `upstream_code`: as the upstream named its error, where these are
    names. `deadline`: the one of ours that ran out (connect, first_token, idle, stream, whole); None where none did."""

    code: str
    message: str
    detail: str = ""
    retry_after: float | None = None
    retryable: bool = False
    """Whether the same request may help, here or on another route, as long as no model output has been seen."""
    failover: bool = False
    """Whether another route may help. Always true when `retryable` is; alone for what is wrong with this route."""
    status: int = 0
    param: str | None = None
    upstream_type: str | None = None
    upstream_code: str | None = None
    deadline: str | None = None
