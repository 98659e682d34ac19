"""The errors, as data. A test holds them against `formats.errors.CODES` and the statuses given beside those."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Fault: TypeAlias = Literal["the caller's", "the operator's", "the provider's", "the caller's or the operator's"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`code` and `status` as a client gets them. `caller`, `operator`: what each does about it. `again`: whether to send the
    same request again, and when."""

    code: str
    status: int
    meaning: str
    fault: Fault
    caller: str
    operator: str
    again: str

    @property
    def anchor(self) -> str:
        """Its heading in docs/errors.md."""
        return f"{self.code.replace('_', '-')}-{self.status}"


_ONCE_CHANGED: Final = "No: only once it is changed."
_RETRY_AFTER: Final = "Yes, after `Retry-After`, then with growing pauses. The official SDKs do so by themselves."
_NOTHING: Final = "Nothing."

EXPLAINED: Final = (
    Explanation(
        code="invalid_api_key",
        status=401,
        meaning=(
            "There is no API key in the request, or it is unknown here, revoked, disabled or expired; on the "
            "platform's routes: there is no token, or another one."
        ),
        fault="the caller's",
        caller=(
            "Send `Authorization: Bearer hi-…` or `x-api-key: hi-…`, the whole key. An empty variable (`$KEY` "
            "that was not exported) is the usual reason."
        ),
        operator=(
            "`hyperinfer keys list` shows which keys there are and how each stands, `hyperinfer keys create "
            "--workspace default` makes another."
        ),
        again=_ONCE_CHANGED,
    ),
    Explanation(
        code="model_not_allowed",
        status=403,
        meaning="The key has a list of models, and this one is not on it.",
        fault="the caller's or the operator's",
        caller="Ask `GET /api/v1/key` which models this key may use, and use one of them.",
        operator=(
            "Make a key with that model: `hyperinfer keys create --workspace … --models …`. The list of a key "
            "that exists cannot be changed."
        ),
        again=_ONCE_CHANGED,
    ),
    Explanation(
        code="workspace_locked",
        status=403,
        meaning="An operator has locked the workspace that pays.",
        fault="the operator's",
        caller="Ask whoever runs the gateway.",
        operator="`hyperinfer workspaces unlock NAME`.",
        again="No: only once it is unlocked.",
    ),
    Explanation(
        code="insufficient_credits",
        status=402,
        meaning=(
            "The workspace has nothing left beside what is held for requests under way. Each holds what it may cost at most:"
            " its input, and `max_tokens` of output at the dearest route."
        ),
        fault="the caller's or the operator's",
        caller=(
            "Set a lower `max_tokens`, wait for requests under way to end, or ask for credits. `GET "
            "/api/v1/credits` says what is left and what is held."
        ),
        operator="`hyperinfer workspaces topup NAME USD`.",
        again="When there are credits again.",
    ),
    Explanation(
        code="key_limit_exceeded",
        status=402,
        meaning="The key has a daily, monthly or total limit in USD, and it is reached, holds of running requests included.",
        fault="the caller's or the operator's",
        caller=("`GET /api/v1/key` says which limit, what is left, and when it begins anew (days and months are UTC's)."),
        operator="Make a key with a higher limit.",
        again="When the limit begins anew; a total limit never does.",
    ),
    Explanation(
        code="rate_limit_exceeded",
        status=429,
        meaning="The key sends more requests a minute, or has more under way at once, than it may.",
        fault="the caller's",
        caller="Send fewer at once. `GET /api/v1/key` says the rate.",
        operator=(
            "`limits: {rate_per_minute, burst}` in the catalogue holds for keys without a rate of their own; "
            "`keys create --rate --burst` gives one."
        ),
        again=_RETRY_AFTER,
    ),
    Explanation(
        code="invalid_request",
        status=400,
        meaning=(
            "The request is not valid, or the model cannot do what it asks: the message says what, `param` where."
            " Also an unknown model (`param: model`), a body that is no JSON, and a provider's own 400."
        ),
        fault="the caller's",
        caller=(
            "Change what the message names. `GET /api/v1/models` lists the models. With `X-HyperInfer-Strict: "
            "true` whatever a model cannot express is refused: `details.losses` lists it."
        ),
        operator=_NOTHING,
        again=_ONCE_CHANGED,
    ),
    Explanation(
        code="invalid_request",
        status=404,
        meaning=(
            "There is no such path, no such model (`GET /api/v1/models/…`), or no generation of this id in the "
            "workspace of this key."
        ),
        fault="the caller's",
        caller=(
            "Look at the path: `base_url` of OpenAI's SDKs ends with `/api/v1`, that of Anthropic's with `/api`. "
            "`/openapi.json` lists all paths. A generation is there once its request has ended."
        ),
        operator="Look whether a proxy before the gateway cuts off or adds a part of the path.",
        again=_ONCE_CHANGED,
    ),
    Explanation(
        code="invalid_request",
        status=405,
        meaning=("The path is right, the method is not. A browser that opens an API path sends GET, where POST is meant."),
        fault="the caller's",
        caller="Use the method in the header `Allow`. To send a request from a browser, use the console's playground.",
        operator=_NOTHING,
        again=_ONCE_CHANGED,
    ),
    Explanation(
        code="invalid_request",
        status=408,
        meaning="The request stopped coming: no byte for 60 s, or not all in 15 minutes (30 s on administrative routes).",
        fault="the caller's",
        caller="Send the body without pauses; look at the connection.",
        operator="Look whether a proxy before the gateway holds bodies back.",
        again="Yes, on a new connection.",
    ),
    Explanation(
        code="invalid_request",
        status=409,
        meaning=(
            "A request with this `Idempotency-Key` was made before, or is still running: "
            "`details.first_request_id` names it."
        ),
        fault="the caller's",
        caller=("`GET /api/v1/generation?id=…` with that id says what became of it. For a new answer, send a new key."),
        operator=_NOTHING,
        again="No, unless the message says `ask again in a moment` (then after `Retry-After`).",
    ),
    Explanation(
        code="invalid_request",
        status=431,
        meaning="The head of the request has more than 64 KiB or 200 fields.",
        fault="the caller's",
        caller="Send fewer or shorter headers; cookies of other sites on the same host are the usual reason.",
        operator=_NOTHING,
        again=_ONCE_CHANGED,
    ),
    Explanation(
        code="invalid_request",
        status=501,
        meaning="CONNECT, or a transfer coding other than chunked.",
        fault="the caller's",
        caller="The gateway is no proxy: use its address as base URL, not as a proxy.",
        operator=_NOTHING,
        again=_ONCE_CHANGED,
    ),
    Explanation(
        code="invalid_request",
        status=505,
        meaning="A version of HTTP other than 1.0, 1.1 and 2.",
        fault="the caller's",
        caller="Use HTTP/1.1 or HTTP/2.",
        operator=_NOTHING,
        again=_ONCE_CHANGED,
    ),
    Explanation(
        code="invalid_request",
        status=403,
        meaning="A WebSocket was asked for, and there is none.",
        fault="the caller's",
        caller='Use streamed HTTP (`"stream": true`).',
        operator=_NOTHING,
        again=_ONCE_CHANGED,
    ),
    Explanation(
        code="payload_too_large",
        status=413,
        meaning=(
            "The body is larger than the gateway (`limits.body_mb`, 50 by default; 1 MB on administrative routes)"
            " or the provider takes."
        ),
        fault="the caller's",
        caller="Send less: shorten the conversation, make images smaller, give files by URL.",
        operator="`limits: {body_mb: …}` in the catalogue.",
        again=_ONCE_CHANGED,
    ),
    Explanation(
        code="context_length_exceeded",
        status=400,
        meaning="The conversation is longer than the model's context, says its provider.",
        fault="the caller's",
        caller=(
            "Shorten it, ask for less output, or use a model with a longer context. "
            "`/api/v1/messages/count_tokens` counts before."
        ),
        operator=_NOTHING,
        again=_ONCE_CHANGED,
    ),
    Explanation(
        code="content_filter",
        status=400,
        meaning="The provider's filter refuses the prompt or its answer.",
        fault="the caller's",
        caller="Change the prompt, or use another model.",
        operator=_NOTHING,
        again="Rarely: the same prompt is likely refused again.",
    ),
    Explanation(
        code="provider_auth",
        status=502,
        meaning=(
            "The provider does not take the gateway's key: wrong, expired, without rights, or its account is out of credit."
        ),
        fault="the operator's",
        caller="Ask whoever runs the gateway; use another model meanwhile.",
        operator=(
            "`hyperinfer doctor` asks each provider whether it takes the key. Correct the variable, restart the gateway."
        ),
        again="No: only once the operator has changed it.",
    ),
    Explanation(
        code="provider_rate_limit",
        status=429,
        meaning="The provider's own limit is reached, on every route of the model.",
        fault="the provider's",
        caller="Send fewer at once, or use another model.",
        operator="Give the model more routes or the provider more keys (`api_keys`), or raise the limit there.",
        again=_RETRY_AFTER,
    ),
    Explanation(
        code="provider_overloaded",
        status=529,
        meaning=(
            "The provider has no capacity; or this gateway is full (`limits.in_flight`, `limits.bodies_mb`) or "
            "being restarted: the message says which."
        ),
        fault="the provider's",
        caller="Wait, or use another model.",
        operator=(
            "More routes for the model; where the message names the gateway: more workers or machines, or a higher limit."
        ),
        again=_RETRY_AFTER,
    ),
    Explanation(
        code="provider_timeout",
        status=504,
        meaning="The provider did not connect, begin or go on in time, on every route that was tried.",
        fault="the provider's",
        caller='Stream (`"stream": true`), so that long answers are seen to go on; ask for less.',
        operator=(
            "`hyperinfer doctor` says whether it can be reached. `timeouts` of the provider in the catalogue; "
            "`attempts` in `/api/v1/generation` names the deadline."
        ),
        again="Yes, with growing pauses.",
    ),
    Explanation(
        code="provider_unavailable",
        status=502,
        meaning=(
            "No provider of the model can be reached or answers sensibly; or none is set up here (its key's "
            "variable is not set)."
        ),
        fault="the provider's",
        caller="Use another model meanwhile. `available` in `GET /api/v1/models` says which can be called.",
        operator=(
            "`hyperinfer check` names unset variables, `hyperinfer doctor` says what does not answer; the log has"
            " the details."
        ),
        again="Yes, with growing pauses; not where the message says that none is set up.",
    ),
    Explanation(
        code="internal_error",
        status=500,
        meaning=(
            "The gateway cannot do its work: its store is away or its disk is full (the message says what it "
            "cannot do), or it made a mistake."
        ),
        fault="the operator's",
        caller="Tell whoever runs the gateway the request id.",
        operator=(
            "`hyperinfer doctor` looks at disk, Postgres and Redis; the log has the request id. Where the message"
            " says that the gateway made a mistake, report it as a bug."
        ),
        again="Yes, after `Retry-After` where it is there.",
    ),
)
"""Every pair of code and status that a client can get, but for codes of an operator's own nodes."""

_BY: Final = {(each.code, each.status): each for each in EXPLAINED}
_BY_CODE: Final = {each.code: each for each in reversed(EXPLAINED)}


def explained(code: str, status: int) -> Explanation | None:
    """The explanation of an error; None for a code of an operator's own."""
    return _BY.get((code, status)) or _BY_CODE.get(code)
