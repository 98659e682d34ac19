"""Why an account lets a request not in, in the words that its client is told: the same from both stores."""

from __future__ import annotations

from typing import Final

from hyperinfer.engine.failure import Failure

NO_WORKSPACE: Final = Failure("invalid_api_key", "The workspace of this API key does not exist: ask for another key.")
LOCKED: Final = Failure("workspace_locked", "This workspace is locked: whoever runs the gateway can unlock it.")
KEYS_AWAY: Final = Failure(
    "internal_error", "The gateway cannot check keys at the moment; try again in a second.", retry_after=1.0
)
_WORDS: Final = "The gateway is restoring its accounts; try again in a second."
RESTORING: Final = Failure("internal_error", _WORDS, retry_after=1.0)
NO_CREDITS: Final = Failure(
    "insufficient_credits", "The workspace has no credits left for this request: top it up, or ask for fewer max_tokens."
)


def limit_reached(limit: str) -> Failure:
    """`limit`: daily, monthly or total."""
    message = f"This key's {limit} spending limit is reached: GET /api/v1/key says what is left."
    return Failure("key_limit_exceeded", message)


def too_fast(wait: float) -> Failure:
    """`wait`: seconds until there is a token again."""
    message = "This key's rate limit is reached: wait as long as Retry-After says."
    return Failure("rate_limit_exceeded", message, retry_after=wait)
