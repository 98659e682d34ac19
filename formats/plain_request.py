"""The commonest request: what was said, as texts, and hardly more than a limit. Each dialect writes it in one step, by its
`plain_request`.

What it must come to is said by the general encoders alone, and a law holds the two ways together: the short one takes a
request only if it gives the same, to the byte, with no losses, and leaves every other one to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from hyperinfer.formats.conversation import TextPart

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Target
    from hyperinfer.formats.conversation import Conversation, Role

LEAST_LIMIT = 16
"""The most that any upstream demands as the least limit of output."""


Said: TypeAlias = "tuple[Role, str, bool]"
"""The role and the text of a turn, and whether its content was the text itself and not a list with it."""


def plain_texts(conversation: Conversation, target: Target) -> list[Said] | None:
    """What was said in every turn of such a request; None where there is anything else in it, or where the upstream wants
    what nearly all others take as it is in a form of its own."""
    c, sampling, quirks = conversation, conversation.sampling, target.quirks
    if c.tools or c.plugins or c.tool_choice is not None or c.parallel_tool_calls is not None or c.reasoning is not None:
        return None
    if c.response_format is not None or c.extra is not None or c.metadata is not None or c.user is not None or c.lost:
        return None
    if c.service_tier is not None or c.verbosity is not None or c.prompt_cache_key is not None or c.store is not None:
        return None
    if c.cache is not None or c.include or sampling.top_k is not None or sampling.stop or sampling.n is not None:
        return None
    if sampling.seed is not None or sampling.frequency_penalty is not None or sampling.presence_penalty is not None:
        return None
    if sampling.logit_bias is not None or sampling.logprobs is not None or sampling.top_logprobs is not None:
        return None
    if quirks.system_role != "keep" or quirks.turns != "free" or quirks.content != "parts":
        return None
    if quirks.sampling != "send":
        return None
    if 0 < target.max_output_tokens < LEAST_LIMIT or (sampling.max_tokens is not None and sampling.max_tokens < LEAST_LIMIT):
        return None
    texts: list[Said] = []
    for turn in c.turns:
        if turn.quiet is not None or turn.extra is not None or turn.name is not None or turn.phase is not None:
            return None
        if len(turn.parts) != 1 or turn.item_id is not None or turn.role == "tool":
            return None
        part = turn.parts[0]
        if type(part) is not TextPart or not part.text or part.text.isspace():
            return None
        if part.cache is not None or part.extra is not None or part.citations is not None or part.logprobs is not None:
            return None
        if turn.role == "developer" and quirks.developer_role != "keep":
            return None
        texts.append((turn.role, part.text, turn.plain))
    return texts


def limit_of(conversation: Conversation, target: Target) -> int | None:
    """The limit of output, in the words of the target: as `output_limit`, where that loses nothing."""
    asked = conversation.sampling.max_tokens
    if asked is None or conversation.dialect == target.dialect or target.max_output_tokens <= 0:
        return asked
    return min(asked, target.max_output_tokens)
