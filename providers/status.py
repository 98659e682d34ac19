"""From a response that is no success to the gateway's error taxonomy.

What only the HTTP response tells is read here: pages for people, redirects, `Retry-After`, `x-should-retry`. What the
error in the body means is `formats.upstream_errors`' to say, for errors within a stream as for these. Pure.
"""

from collections.abc import Iterable, Mapping

import msgspec

from hyperinfer.formats.upstream_errors import CODE_OF_STATUS, SENTENCES, ErrorFields, UpstreamFault, fault_of_fields
from hyperinfer.providers.error_body import is_html, read_error
from hyperinfer.providers.response_headers import header, retry_after


def classify(
    status: int, headers: Mapping[str, str], body: bytes, *, now: float | None = None, private: Iterable[str] = ()
) -> UpstreamFault:
    """The fault behind a response that is no success: an error status, a redirect, or an error under a 200.

    `body` may be cut: it is read as far as it goes. `now` (Unix seconds) is for a `Retry-After` that is a date;
    `private` are texts that no message may hold (`redaction.redact`). Never raises.
    """
    html = is_html(body, header(headers, "content-type"))
    fields = ErrorFields() if html else read_error(body)
    if html or (status < 400 and not fields.found):
        fault = _fault_without_error(status, "an HTML page" if html else "something that is no response of its protocol")
    else:
        fault = fault_of_fields(fields, status, private=private)
    asked_not_to = header(headers, "x-should-retry").strip().lower() == "false"
    return msgspec.structs.replace(
        fault, retry_after=retry_after(headers, now), retryable=fault.retryable and not asked_not_to
    )


def _fault_without_error(status: int, what: str) -> UpstreamFault:
    """A page of a proxy, a redirect (which could point anywhere), or a success that is none."""
    code = CODE_OF_STATUS.get(status, "provider_unavailable")
    detail = f"The provider answered with {'a redirect' if 300 <= status < 400 else what} (status {status})."
    retryable = status in (408, 429) or status >= 500
    return UpstreamFault(
        code=code,
        message=SENTENCES[code] if code == "provider_auth" else detail,
        detail=detail,
        retryable=retryable,
        failover=retryable or code in ("provider_unavailable", "provider_auth"),
        status=status,
    )
