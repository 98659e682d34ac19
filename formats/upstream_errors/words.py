"""What servers are known to say in their errors: the words they use as types and codes, and the texts beside them."""

import re
from typing import Final

STATUS_OF_WORD: Final = {
    word: status
    for status, words in {
        400: """invalid_request_error invalid_request invalid_argument invalid-argument bad_request badrequesterror
                validation_error invalid_prompt unsupported_value failed_precondition conflict_error not_found
                not_found_error notfounderror model_not_found unprocessable_entity unprocessableentityerror
                context_length_exceeded content_filter invalid_encrypted_content tool_use_failed""",
        401: "authentication_error authenticationerror invalid_api_key unauthorized unauthenticated",
        402: "billing_error payment_required insufficient_balance insufficient_credits",
        403: "permission_error permission_denied permissiondeniederror forbidden access_denied",
        413: "request_too_large payload_too_large",
        429: """rate_limit_error rate_limit_exceeded rate_limit_reached ratelimiterror ratelimitreached rate_limited
                insufficient_quota quota_exceeded resource_exhausted too_many_requests throttlingexception""",
        500: "server_error internal_server_error internal_error internalservererror internal",
        503: "service_unavailable unavailable unavailable_error serviceunavailable slow_down",
        504: "timeout_error timeout request_timeout deadline_exceeded gateway_timeout",
        529: "overloaded_error overloaded server_overloaded engine_overloaded engine_overloaded_error",
    }.items()
    for word in words.split()
}
"""The HTTP status that a type or code stands for, for where no status came: in a stream, and under a 200."""

VAGUE_WORDS: Final = frozenset(
    {
        "bad_request",
        "badrequesterror",
        "internal",
        "internal_error",
        "internal_server_error",
        "internalservererror",
        "invalid_request",
        "invalid_request_error",
        "server_error",
    }
)
"""Those that are said where nothing better is known: DeepSeek's code beside its type `authentication_error`."""

MODEL_MISSING_WORDS: Final = frozenset(
    {
        "deploymentnotfound",
        "invalid_model",
        "model_decommissioned",
        "model_deprecated",
        "model_not_available",
        "model_not_exist",
        "model_not_found",
        "model_not_supported",
        "modelnotfound",
        "no_such_model",
        "unknown_model",
    }
)


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


CONTEXT_LENGTH: Final = _any_of(
    r"context_length_exceeded|context_window_exceeded|prompt_too_long",
    r"exceed_context_size|exceeds? (?:the |its )?(?:available |model'?s |maximum )?context",  # llama.cpp, OpenAI
    r"too_many_prompt_tokens|total length of all messages is too long",  # Perplexity
    r"(?:maximum|model'?s) (?:context|prompt) length",  # OpenAI, vLLM, DeepSeek, OpenRouter, xAI
    r"reduce the length of (?:the |your )?(?:messages|prompt|input)",  # Groq
    r"(?:prompt|input) (?:is|was) too long",  # Anthropic, Bedrock, Fireworks
    r"context length (?:exceeded|is only)",
    r"(?:input|prompt) token count.{0,40}exceeds",  # Google
    r"(?:input|prompt) length.{0,60}exceed",  # Ollama, Anthropic with max_tokens
    r"too large for model with \d+ maximum",  # Mistral
    # Moonshot, Cohere. Bedrock's "too many tokens, please wait" is a rate limit.
    r"exceeded model token limit|too many (?:input |prompt )tokens|too many tokens(?::| in (?:the|your) prompt)",
)

CONTENT_FILTER: Final = _any_of(
    r"content[_ ]filter|content[_ ]policy|content management policy",
    r"responsibleaipolicyviolation",  # Azure
    r"data_inspection_failed",  # Alibaba
    r"moderation_blocked|flagged as potentially violating|rejected (?:by|as a result of) (?:our|the) safety",  # OpenAI
    r"violates? (?:our |the )?usage (?:policy|guidelines)",  # xAI
    r"(?:input|prompt|request) was (?:flagged|blocked)",
)

MODEL_MISSING_TEXT: Final = _any_of(
    r"^models?: \S+$",  # Anthropic
    r"\b(?:no such|unknown|invalid) model\b|is not a valid model",
    # A dot within a name is none at the end of a sentence.
    r"\b(?:model|models/\S{1,80}|deployment)\b(?:[^.]|\.\S){0,120}?"
    r"\b(?:not found|does not exist|doesn't exist|not exist|is not available|no longer available"
    r"|has been (?:deprecated|decommissioned|retired))",
)

KEY_REFUSED: Final = _any_of(
    r"(?:incorrect|invalid|missing|expired|unrecognized) (?:x-)?api[-_ ]?key",  # xAI
    r"api[-_ ]key (?:not valid|is invalid|expired)|api_key_invalid",  # Google
    r"credit balance is too low",  # Anthropic
    r"insufficient (?:account )?(?:balance|credits?|funds)",  # DeepSeek
)
"""What some servers say under a 400 of the key they were sent, or of the account behind it."""

RATE_LIMIT: Final = _any_of(r"rate[-_ ]?limit|too many requests|exceeded your .{0,20}quota")
OVERLOADED: Final = _any_of(r"\boverloaded\b|(?:over|at|no) capacity|server is busy")
TIMEOUT: Final = _any_of(r"\b(?:request|response|gateway|upstream) (?:has )?time(?:d )?-?out\b|deadline exceeded")
UNAUTHORIZED: Final = _any_of(
    r"\bunauthori[sz]ed\b",  # Ollama
    r"\bauthentication (?:failed|fails|failure|required|error)|permission denied|(?:invalid|expired) (?:token|credentials)",
    r"does not have access to",  # OpenAI
)
