"""What makes two requests one conversation, and which route a conversation was last served by."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, TypeAlias

from hyperinfer.formats.conversation import ReasoningPart, TextPart, ToolCallPart

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import Conversation, Part
    from hyperinfer.providers.catalogue import Route

MOST: Final = 10_000
"""Conversations that are remembered."""

SECONDS: Final = 3600.0
"""How long one is remembered after its last request: as long as the longest that a prompt cache is paid for."""

_SAMPLE: Final = 2048
"""Characters that are read at each end of a text. Two conversations that are alike there share a route, and nothing else."""

_BILLING: Final = "x-anthropic-billing-header:"
"""Begins a line that Claude Code puts first in its system prompt, with a word in it that is another in every request."""

Served: TypeAlias = tuple[str, str]
"""A provider's name, and its own name of the model."""


def point_of(workspace: str, slug: str, conversation: Conversation) -> int:
    """64 bits that the requests of one conversation have in common: the hash of its workspace and model, and of the caller's
    `prompt_cache_key`, or else of all that stands before the first answer, the first user turn being the last of it."""
    digest = blake2b(f"{workspace}\n{slug}\n".encode("utf-8", "surrogatepass"), digest_size=8)
    if conversation.prompt_cache_key:
        digest.update(b"key\n" + conversation.prompt_cache_key.encode("utf-8", "surrogatepass"))
        return int.from_bytes(digest.digest())
    for turn in conversation.turns:
        digest.update(f"\n{turn.role}\n".encode())
        for part in turn.parts:
            digest.update(_sample(_words(part)).encode("utf-8", "surrogatepass"))
        if turn.role == "user":
            break
    return int.from_bytes(digest.digest())


def vendor_of(conversation: Conversation) -> str | None:
    """Whose opaque reasoning the conversation carries, the latest of it; None where there is none."""
    for turn in reversed(conversation.turns):
        for part in reversed(turn.parts):
            if isinstance(part, ReasoningPart | ToolCallPart) and part.opaque:
                return part.opaque[-1].vendor
    return None


class Conversations:
    """Which route has served a conversation last, of those alone of which that cannot be told without: all others are given
    the same route by the hash of what they began with. `most` and `SECONDS` bound it. Times are of any steady clock."""

    def __init__(self, *, most: int = MOST) -> None:
        self._most = most
        self._served: OrderedDict[int, tuple[Served, float]] = OrderedDict()  # the latest last, and so the oldest first

    def __len__(self) -> int:
        return len(self._served)

    def served_by(self, point: int, now: float) -> Served | None:
        """The route that a conversation is to stay on; None where nothing speaks for one."""
        found = self._served.get(point)
        return None if found is None or now - found[1] > SECONDS else found[0]

    def keep(self, point: int, route: Route, now: float) -> None:
        """It was served by this route now."""
        served = self._served
        served[point] = ((route.provider.name, route.model), now)
        served.move_to_end(point)
        if len(served) > self._most or now - next(iter(served.values()))[1] > SECONDS:
            served.popitem(last=False)

    def forget(self, point: int) -> None:
        """It was served by the route that it is given anyway."""
        self._served.pop(point, None)


def _words(part: Part) -> str:
    if type(part) is TextPart:
        text = part.text
        return text.partition("\n")[2] if text.startswith(_BILLING) else text
    return f"\n{type(part).__name__}\n"


def _sample(text: str) -> str:
    return text if len(text) <= 2 * _SAMPLE else f"{len(text)}\n{text[:_SAMPLE]}{text[-_SAMPLE:]}"
