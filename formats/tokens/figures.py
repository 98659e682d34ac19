"""What each kind of model adds to the text of a request, and how it counts media.

Every figure is either published by the vendor, as named beside it, or was set by the input tokens that real providers
reported for whole requests (the recordings that `tests/formats/tokens/test_recordings.py` runs over), in November 2026. It
lies rather above what was seen than below: a client that is told too little runs into its model's limit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from hyperinfer.formats.tokens.images import Area, Crops, ImageRule, Patches, Tiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hyperinfer.formats.events import Dialect


_GPT_4O_IMAGE: Final = Tiles(85, 170)


@dataclass(frozen=True, slots=True)
class Figures:
    """Tokens, but for `text`, `declared` and `schema`, which are thousandths of what the text itself makes.

    `request`, `turn`: around a request and each message. `tools`: once where tools are declared; `tool`, `call`, `result`:
    beside the text of each. `declared`: of the schema of a tool's arguments. `schema`: of a schema that the answer must
    fit; `shaped`: once beside it. `reply`, `written_call`: what a model writes at the end of a reply and around a call.
    `citations`: once where any document or result is to be cited. `page`: of a PDF, beside its text. `elsewhere`: a
    document behind a link or an id. `native`: a tool, or a block of the history, of the vendor's own, by its type without
    a version; the empty name stands for other tools.
    """

    text: int = 1100
    request: int = 3
    turn: int = 4
    tools: int = 8
    tool: int = 6
    declared: int = 700
    call: int = 25
    result: int = 8
    reply: int = 3
    written_call: int = 12
    schema: int = 1000
    shaped: int = 12
    citations: int = 0
    page: int = 0
    elsewhere: int = 1500
    native: Mapping[str, int] = field(default_factory=lambda: {"": 300})
    image: ImageRule = _GPT_4O_IMAGE


_DEFAULT: Final = Figures()
"""OpenAI's, as its cookbook counts Chat messages: 3 around a message and 1 for its role, 3 before the reply; with 7 to 12
around each function. Other vendors' templates differ by a few tokens. Of a PDF the text alone was counted."""

_CLAUDE: Final = replace(
    _DEFAULT,
    text=1250,  # its vocabulary cuts finer than OpenAI's; that of 2026 finer still
    tools=500,  # published as 346; the models of late 2025 and 2026 count about 500
    tool=25,
    declared=1250,
    call=40,
    result=20,
    written_call=35,
    schema=1300,
    shaped=110,
    citations=550,
    page=2600,  # published as a picture of each page and its text, 1,500 to 3,000 together
    elsewhere=3000,
    native={
        "": 300,
        "bash": 245,  # published, like the next two
        "text_editor": 700,
        "str_replace_based_edit_tool": 700,
        "computer": 1100,
        "memory": 1000,
        "code_execution": 1800,
        "web_search": 1600,
        "web_fetch": 1000,
        "advisor": 550,
        "compaction": 80,
        "tool_search_tool_regex": 150,
        "tool_search_tool_bm25": 150,
    },
    image=Area(750, 2576, 4784),  # published; models before 2026 stop at about 1,600
)

_GROK: Final = replace(
    _DEFAULT,
    request=185,  # a preamble of its own
    tools=60,
    declared=1100,
    shaped=20,
    image=Area(784, 2048, 1792),
)

_BY_NAME: Final[tuple[tuple[str, Figures], ...]] = (
    (r"claude-[a-z]+-(4[-.][789]|[5-9])", replace(_CLAUDE, text=1500)),  # published as up to 1.35 times those before
    (r"claude", _CLAUDE),
    (r"grok", _GROK),
    (r"gpt-oss", replace(_DEFAULT, request=65, tools=20)),  # Harmony's own system message
    (r"gpt-4o-mini", replace(_DEFAULT, image=Tiles(2833, 5667))),
    (r"gpt-4\.1-(mini|nano)|o4-mini|codex-mini", replace(_DEFAULT, image=Patches(1700, 1536))),
    (r"gpt-5[^/]*(mini|nano)|gpt-5\.[2-9]|gpt-[6-9]", replace(_DEFAULT, call=60, image=Patches(1500, 2500))),
    (r"gpt-5", replace(_DEFAULT, call=60, image=Tiles(70, 140))),
    (r"\bo[134]\b", replace(_DEFAULT, image=Tiles(75, 150))),
    (r"llama-?3", replace(_DEFAULT, request=30)),  # its template says the date
    (r"qwen", replace(_DEFAULT, tools=110, declared=1000, shaped=60)),
    (r"gemini", replace(_DEFAULT, turn=2, tools=0, tool=5, image=Crops(258, 768, 100_000), page=258)),
    (
        r"glm",
        replace(_DEFAULT, tools=110, declared=1000, schema=0, shaped=6),
    ),  # the server holds the schema against the output
    (r"deepseek", replace(_DEFAULT, request=1)),
    (r"kimi", replace(_DEFAULT, tools=25)),
    (r"mistral|mixtral|ministral|codestral|devstral|magistral", replace(_DEFAULT, text=1250, request=9, tools=15)),
)

_DEEPSEEK_RESPONSES: Final = replace(_DEFAULT, request=80, tools=210)
"""DeepSeek's own Responses route puts a system message in front."""

_COMPILED: Final = tuple((re.compile(pattern), figures) for pattern, figures in _BY_NAME)


def figures_of(model: str, protocol: Dialect) -> Figures:
    """The figures of a model, by the upstream's name for it; where that says nothing, by the protocol it speaks."""
    name = model.lower()
    if "deepseek" in name and protocol == "openai_responses":
        return _DEEPSEEK_RESPONSES
    for pattern, figures in _COMPILED:
        if pattern.search(name):
            return figures
    return _CLAUDE if protocol == "anthropic_messages" else _DEFAULT
