"""Why a field is carried nowhere and is no loss, and what stands for it where its value does not arrive as it is.

Everything else must arrive, be a loss or be refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect
    from tests.fields.survey import Way

CHAT: Dialect = "openai_chat"
RESPONSES: Dialect = "openai_responses"
MESSAGES: Dialect = "anthropic_messages"


@dataclass(frozen=True)
class Note:
    """`by`: who answers for the field. `gateway`: it does what the field asks for itself; `nothing`: leaving it out changes
    nothing; `other`: another value says it there."""

    dialects: tuple[Dialect, ...]
    way: Way
    pattern: str
    by: Literal["gateway", "nothing", "other"]
    text: str
    to: tuple[Dialect, ...] = (CHAT, RESPONSES, MESSAGES)

    def fits(self, dialect: Dialect, way: Way, kind: str, to: Dialect) -> bool:
        """Whether it speaks of this field on its way to a client or upstream of `to`."""
        if dialect not in self.dialects or way != self.way or to not in self.to:
            return False
        return re.fullmatch(self.pattern, kind) is not None


ALL = (CHAT, RESPONSES, MESSAGES)
OPENAI = (CHAT, RESPONSES)

_ANY = r"(\[[\w.]*\]\.)?((message|response|item)(\(\w+\))?\.)?"
_ECHO = (
    r"(access_programs|background|conversation|image|instructions|max_output_tokens|max_tool_calls|metadata|"
    r"parallel_tool_calls|previous_response_id|prompt|prompt_cache_\w+|reasoning|safety_identifier|temperature|text|"
    r"tool_choice|tools|top_logprobs|top_p|truncation|user)([.(\[].*)?"
)
_USAGE = r"(\[[\w.]*\]\.)?((message\(message\)|response)\.)?usage\."

NOTES: tuple[Note, ...] = (
    # Requests
    Note(ALL, "request", "model", "gateway", "chooses the route; the provider's own name of the model goes up"),
    Note(ALL, "request", r"provider\..*|models\[\]", "gateway", "chooses the routes by it ([routing](routing.md))"),
    Note(ALL, "request", "hi_tool_events", "gateway", "shows its server tools at work"),
    Note(ALL, "request", "stream", "gateway", "streams to the client, and asks the provider for a stream"),
    Note(OPENAI, "request", r"stream_options\..*", "gateway", "always tells usage, and never pads a stream"),
    Note(
        ALL, "request", r"stop(_sequences)?(\[\])?", "gateway", "finds the string in the reply and cuts there", (RESPONSES,)
    ),
    Note(OPENAI, "request", "prompt_cache_key", "nothing", "a hint for the provider's cache", (MESSAGES,)),
    Note((CHAT,), "request", r"messages\[assistant\]\.id", "nothing", "an id that clients leave on messages"),
    Note((CHAT,), "request", r"messages\[assistant\]\.tool_calls\[\w+\]\.index", "nothing", "left over from a stream"),
    Note((CHAT,), "request", r"messages\[(tool|function)\]\.name", "nothing", "the call that it answers has the name"),
    Note((CHAT,), "request", r".*reasoning_details.*\.(format|id)", "nothing", "only names the blob"),
    Note((CHAT,), "request", r"reasoning\.max_tokens", "other", "the effort that is nearest to it", (RESPONSES, MESSAGES)),
    Note((CHAT,), "request", r"reasoning\.exclude", "other", "no summary is asked for", (RESPONSES,)),
    Note((RESPONSES,), "request", r"input\[\w+\]\.(id|status)", "nothing", "a name of the provider's, a state of the past"),
    Note((RESPONSES,), "request", r"input\[\w+\]\.call_id", "nothing", "the call and its result stand one after the other"),
    Note((RESPONSES,), "request", r"input\[\w+_call_output\]\.name", "nothing", "the call that it answers has the name"),
    Note((RESPONSES,), "request", r".*\.logprobs\[\].*", "nothing", "numbers of an earlier answer say nothing to a model"),
    Note((RESPONSES,), "request", r"include\[\]", "nothing", "asks for details of hosted tools", (CHAT, MESSAGES)),
    Note((RESPONSES,), "request", "client_metadata", "nothing", "a client's note to its own vendor", (CHAT, MESSAGES)),
    Note((MESSAGES,), "request", r"thinking\(enabled\)\.budget_tokens", "other", "the effort that is nearest to it"),
    Note((MESSAGES,), "request", r".*source\(text\)\.media_type", "nothing", "text is text"),
    Note(
        (MESSAGES,),
        "request",
        r"messages\[assistant\].content\[tool_result\].tool_use_id",
        "nothing",
        "told as text, of no call",
    ),
    Note((MESSAGES,), "request", r".*eager_input_streaming", "nothing", "how Messages streams arguments"),
    Note(
        OPENAI,
        "request",
        r".*prompt_cache_breakpoint\.mode",
        "other",
        "the mark; its lifetime is a field of its own",
        (MESSAGES,),
    ),
    Note(OPENAI, "request", r".*\(json_schema\).*\.name", "other", "a schema goes without a name", (MESSAGES,)),
    Note(OPENAI, "request", r".*\(json_schema\).*\.strict", "other", "a schema always binds", (MESSAGES,)),
    Note((MESSAGES,), "request", r"thinking\(\w+\)\.display", "nothing", "Chat shows what thinking there is", (CHAT,)),
    Note((MESSAGES,), "request", r"thinking\(\w+\)\.display", "other", "whether a summary is asked for", (RESPONSES,)),
    # Replies
    Note(
        ALL,
        "reply",
        _ANY + r"(id|created|created_at|model)",
        "gateway",
        "has its own ids and times; the model is the one asked for",
    ),
    Note(ALL, "reply", _ANY + r"obfuscation", "gateway", "never pads a stream"),
    Note(
        ALL,
        "reply",
        _ANY + r"(sequence_number|output_index|content_index|item_id|annotation_index)",
        "gateway",
        "numbers what it sends itself",
    ),
    Note(
        ALL,
        "reply",
        r".*(choices\[\]|tool_calls\[\w+\]|\[content_block_\w+\])\.index",
        "gateway",
        "numbers what it sends itself",
    ),
    Note((CHAT,), "reply", _ANY + "system_fingerprint", "nothing", "names the provider's own run", (RESPONSES, MESSAGES)),
    Note(
        (CHAT,),
        "reply",
        r".*reasoning_details.*\.(format|id)",
        "other",
        "packed into the blob, for its way back",
        (RESPONSES, MESSAGES),
    ),
    Note(
        (CHAT,),
        "reply",
        r"choices\[\]\.(stop_reason|matched_stop)",
        "nothing",
        "Responses does not tell where it stopped",
        (RESPONSES,),
    ),
    Note((CHAT,), "reply", _USAGE + r".*\.text_tokens", "other", "what the other counts leave", (RESPONSES, MESSAGES)),
    Note((CHAT,), "reply", _USAGE + "prompt_tokens", "other", "without what a cache gave or took", (MESSAGES,)),
    Note((CHAT,), "reply", _USAGE + "total_tokens", "other", "what it has beside the two sums is output", (MESSAGES,)),
    Note(
        (CHAT,), "reply", r".*url_citation\.(start|end)_index", "other", "a citation is of its whole text block", (MESSAGES,)
    ),
    Note((RESPONSES,), "reply", _USAGE + "input_tokens", "other", "without what a cache gave or took", (MESSAGES,)),
    Note((RESPONSES,), "reply", _USAGE + "total_tokens", "other", "the sum of the two"),
    Note((RESPONSES,), "reply", _ECHO, "nothing", "repeats the request", (CHAT, MESSAGES)),
    Note((RESPONSES,), "reply", "status", "other", "follows from how the reply ended"),
    Note((RESPONSES,), "reply", "completed_at", "gateway", "has its own times", (CHAT, MESSAGES)),
    Note(
        (RESPONSES,),
        "reply",
        r".*(output\[\w+\]|item\(\w+\))\.(id|status|created_by)",
        "nothing",
        "a name and a state of the item's own",
    ),
    Note(
        (RESPONSES,),
        "reply",
        r".*(url_citation)[\])]\.(start|end)_index",
        "nothing",
        "a citation is of its whole text block",
        (MESSAGES,),
    ),
    Note((RESPONSES,), "reply", r"\[response\.[\w.]+\.done\]\..*", "nothing", "repeats what the deltas have said"),
    Note(
        (RESPONSES,),
        "reply",
        r"\[response\.reasoning_summary_\w+\.\w+\]\.summary_index",
        "nothing",
        "parts are set apart by an empty line",
    ),
    Note(
        (RESPONSES,),
        "reply",
        r"\[response\.(\w+_call\w*)\.\w+\]\..*",
        "nothing",
        "the item of the hosted tool is a loss as a whole",
        (CHAT, MESSAGES),
    ),
    Note((MESSAGES,), "reply", r"\[message_start\].*\.usage\..*", "nothing", "the end of the stream tells it again", OPENAI),
    Note(
        (MESSAGES,),
        "reply",
        r".*usage\.(iterations\[compaction\]\.)?cache_creation\.ephemeral_.*",
        "nothing",
        "the sum is told, and its price",
        OPENAI,
    ),
    Note(
        (MESSAGES,), "reply", r".*usage\.cache_creation\.ephemeral_5m.*", "other", "the sum without the hour's", (MESSAGES,)
    ),
    Note((MESSAGES,), "reply", _USAGE + "input_tokens", "other", "with what a cache gave and took", OPENAI),
    Note(
        (MESSAGES,),
        "reply",
        r".*usage\.iterations\[compaction\]\..*",
        "other",
        "added to the sums, which leave compactions out",
        OPENAI,
    ),
    Note(
        (MESSAGES,),
        "reply",
        r"(\[message_delta\]\.delta\.)?stop_sequence",
        "nothing",
        "Responses does not tell where it stopped",
        (RESPONSES,),
    ),
    Note((MESSAGES,), "reply", r".*mcp_tool_use[\])]\.id", "gateway", "gives the item an id of its form", (RESPONSES,)),
)
