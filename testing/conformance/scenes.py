"""The exchanges that are judged: what the client asks, and what the model says. Each is played in every cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from hyperinfer.testing.conformance.said import (
    Ask,
    Breaks,
    Call,
    Format,
    Refusal,
    Refuses,
    Said,
    Says,
    Stop,
    Text,
    Thinking,
    Tool,
    Waits,
)

if TYPE_CHECKING:
    from hyperinfer.testing.conformance.said import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """`replies`: one a turn; the second turn brings the results of tools. `leaves`: the client does, while the upstream
    waits. `only`: the one mode that it is for. `harms`: a gateway may hold what happens in it against the provider, so it
    comes after the others. `lacking`: upstreams whose protocol has no place for what it is about."""

    name: str
    ask: Ask
    replies: tuple[Reply, ...]
    leaves: bool = False
    only: Literal["", "streamed", "whole"] = ""
    harms: bool = False
    lacking: tuple[Format, ...] = ()

    def said(self, turn: int = 0) -> Said:
        """What the model says in a turn. Raises TypeError for a refusal."""
        reply = self.replies[turn]
        if isinstance(reply, Refuses):
            raise TypeError(f"{self.name}: a refusal says nothing")
        return reply.said


_WEATHER = Tool(
    "get_weather",
    "The weather of a city.",
    {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["C", "F"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
)
_CLOCK = Tool("get_time", "The time of day.", {"type": "object", "properties": {}, "additionalProperties": False})
TOOLS: Final = (_WEATHER, _CLOCK)
PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
"""A PNG of one pixel."""

OPAQUE: Final = "EqQBCkYIBxgCKkBConformance+/opaque/BLOB+0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ=="
_STORY = Text(("Once", " upon", " a time,\n", 'there was a "gate" ', "and a way through it."))
_WORDS = Text(("Grüße ", "你好\uff0c世界 ", "👩‍👩‍👧‍👦 🇺🇳 ", "e\u0301 ", "\u05e9\u05dc\u05d5\u05dd ", "\U0001d54f."))
UNICODE_PROMPT: Final = 'Ünïcödé 漢字 🙂 \u2028 \\n "q" </s>'


def _story(stop: Stop = "end") -> Said:
    return Said((_STORY,), stop)


def _choice(name: str, choice: str) -> Scene:
    return Scene(name=name, ask=Ask("Choose.", tools=TOOLS, choice=choice), replies=(Says(_story()),))


def _error(kind: Refusal) -> Scene:
    return Scene(name=kind, ask=Ask("Tell me a story."), replies=(Refuses(kind),), harms=True)


_PARIS = Call(1, "get_weather", ('{"ci', 'ty": "Par', "is, 75\\u00b0", ' \\"FR\\"", "unit"', ': "C"}'))
_LIMA = Call(2, "get_weather", ('{"city": "Lima"}',))
_NOW = Call(3, "get_time", ("{}",))

_SCENES = (
    Scene(name="text", ask=Ask("Tell me a story.", system="You tell stories.", limit=3210), replies=(Says(_story()),)),
    Scene(name="unicode", ask=Ask(UNICODE_PROMPT), replies=(Says(Said((_WORDS,)), "scattered"),)),
    Scene(name="crlf", ask=Ask("Tell me a story."), replies=(Says(_story(), "crlf"),), only="streamed"),
    Scene(name="schema", ask=Ask("The weather in Paris, as JSON.", schema=_WEATHER.parameters), replies=(Says(_story()),)),
    Scene(name="image", ask=Ask("What is it?", image=PIXEL), replies=(Says(_story()),)),
    Scene(name="length", ask=Ask("Tell me a story."), replies=(Says(_story("length")),)),
    Scene(name="refusal", ask=Ask("Tell me a story."), replies=(Says(_story("refusal")),)),
    Scene(
        name="tool",
        ask=Ask("The weather in Paris?", tools=TOOLS, results=('21 °C, "clear"',)),
        replies=(Says(Said((Text(("I ", "look.")), _PARIS), "tool")), Says(_story())),
    ),
    Scene(
        name="mixed",
        ask=Ask("Think, say what you do, and look at the weather.", effort="high", limit=32000, tools=TOOLS),
        replies=(Says(Said((Thinking(("I need", " both."), OPAQUE), Text(("I ", "look.")), _PARIS, _NOW), "tool")),),
    ),
    Scene(
        name="parallel",
        ask=Ask("The weather in Paris and Lima, and the time?", tools=TOOLS, results=("21 °C", "18 °C", "12:34")),
        replies=(Says(Said((_PARIS, _LIMA, _NOW), "tool")), Says(_story())),
    ),
    _choice("required", "required"),
    _choice("none", "none"),
    _choice("named", "get_weather"),
    Scene(
        name="thinking",
        ask=Ask("Think about a story.", effort="high", limit=32000),
        replies=(Says(Said((Thinking(("First", " I think,\n", "then I speak."), OPAQUE), _STORY))),),
    ),
    Scene(
        name="thinking_tool",
        ask=Ask("Think about the weather.", effort="high", limit=32000, tools=TOOLS, results=("21 °C",)),
        replies=(Says(Said((Thinking(("I need", " the weather."), OPAQUE), _PARIS), "tool")), Says(_story())),
        lacking=("chat",),
    ),
    Scene(name="waiting", ask=Ask("Tell me a story."), replies=(Waits(_story()),), only="streamed"),
    Scene(name="leaving", ask=Ask("Tell me a story."), replies=(Waits(_story()),), leaves=True),
    _error("bad_request"),
    _error("bad_key"),
    _error("rate_limit"),
    _error("server_error"),
    _error("overloaded"),
    Scene(name="broken_error", ask=Ask("Tell me."), replies=(Breaks(_story(), "error"),), only="streamed", harms=True),
    Scene(name="broken_eof", ask=Ask("Tell me."), replies=(Breaks(_story(), "eof"),), harms=True),
    Scene(name="broken_drop", ask=Ask("Tell me."), replies=(Breaks(_story(), "drop"),), harms=True),
)
SCENES: Final = {scene.name: scene for scene in _SCENES}
