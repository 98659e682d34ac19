"""How many tokens a reply may have, in the words of another dialect."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hyperinfer.formats.losses import caller_path

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Target
    from hyperinfer.formats.conversation import Conversation


def output_limit(
    conversation: Conversation, target: Target, lose: Callable[[str, str], None], *, least: int = 0
) -> int | None:
    """The caller's limit for the target; None where there is none. `least`: what the upstream takes at least.

    A caller of the same dialect gets what it asked for. From another dialect a limit above the model's own goes out as that
    one, since upstreams refuse more, and nothing is lost: the model would write no more anyway. A limit below the least is a
    loss: the reply may get longer than it was allowed to.
    """
    asked = conversation.sampling.max_tokens
    if asked is None or conversation.dialect == target.dialect:
        return asked
    limit = min(asked, target.max_output_tokens) if target.max_output_tokens > 0 else asked
    if limit < least:
        lose(limit_path(conversation), f"the provider's least is {least}")
    return max(limit, least)


def limit_path(conversation: Conversation) -> str:
    """What the caller calls the limit."""
    return conversation.sampling.max_tokens_field or caller_path(conversation.dialect, "max_tokens")
