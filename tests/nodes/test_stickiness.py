"""A conversation stays on its route: what makes it one, and how much is remembered of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats import FORMATS
from hyperinfer.nodes.choosing import Choosing, Chosen
from hyperinfer.nodes.items import Asked, Ticket
from hyperinfer.nodes.ports import Principal
from hyperinfer.nodes.stickiness import SECONDS, Conversations, point_of, vendor_of
from tests.support.bench import DIALECTS
from tests.support.routed import routed
from tests.support.vitals import ToldHealth

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect
    from hyperinfer.formats.conversation import Conversation
    from hyperinfer.providers.catalogue import Route, RouteBy

ROUTES = routed().routes_for("test/order")
TEXT = st.text(max_size=20)


def said(dialect: Dialect, *texts: str, system: Any = None, **fields: Any) -> Conversation:
    """A user's words and the answers to them, in turn."""
    roles = ("user", "assistant")
    turns: list[Any] = [{"role": roles[place % 2], "content": text} for place, text in enumerate(texts)]
    body: dict[str, Any] = {"model": "test/weight", **fields}
    body["input" if dialect == "openai_responses" else "messages"] = turns
    if dialect == "anthropic_messages":
        body["max_tokens"] = 5
    if system is not None and dialect == "openai_chat":
        turns.insert(0, {"role": "system", "content": system})
    elif system is not None:
        body["system" if dialect == "anthropic_messages" else "instructions"] = system
    return FORMATS[dialect].decode_request(json.dumps(body).encode())


def alone(routes: tuple[Route, ...], by: RouteBy, conversation: Conversation) -> Chosen:
    """What a process chooses that knows of nothing else."""
    return Choosing(clock=lambda: 0.0).among(routes, by, "m", asks(conversation))


def asks(conversation: Conversation, workspace: str = "w") -> Asked:
    ticket = Ticket(request_id="r", format=FORMATS[conversation.dialect], created=0, started=0.0)
    ticket.principal = Principal(workspace, workspace, "k")
    return Asked(ticket, conversation)


@given(dialect=st.sampled_from(DIALECTS), first=TEXT, system=st.none() | TEXT, rest=st.lists(TEXT, max_size=4))
def test_a_conversation_keeps_its_point_as_it_grows(
    dialect: Dialect, first: str, system: str | None, rest: list[str]
) -> None:
    begun = point_of("w", "m", said(dialect, first, system=system))
    assert point_of("w", "m", said(dialect, first, *rest, system=system)) == begun
    assert point_of("w2", "m", said(dialect, first, system=system)) != begun
    assert point_of("w", "m2", said(dialect, first, system=system)) != begun
    assert point_of("w", "m", said(dialect, first + "?", system=system)) != begun
    assert point_of("w", "m", said(dialect, first, system=(system or "") + "?")) != begun


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses"])
def test_the_callers_key_of_a_cache_says_what_is_one(dialect: Dialect) -> None:
    one, other = (point_of("w", "m", said(dialect, text, prompt_cache_key="k")) for text in "ab")
    assert one == other != point_of("w", "m", said(dialect, "a", prompt_cache_key="l"))


def test_the_line_that_claude_code_changes_each_time_says_nothing() -> None:
    def point(word: str) -> int:
        line = f"x-anthropic-billing-header: cc_version=2; cch={word};"
        blocks = [{"type": "text", "text": line}, {"type": "text", "text": "You are Claude Code."}]
        return point_of("w", "m", said("anthropic_messages", "hi", system=blocks))

    assert point("36ee5") == point("0aaa9")
    assert point_of("w", "m", said("openai_chat", "hi", system="x-anthropic-billing-header: cch=1;\nBe brief")) != point_of(
        "w", "m", said("openai_chat", "hi", system="x-anthropic-billing-header: cch=2;\nBe wordy")
    )


def test_a_long_text_is_read_at_its_ends() -> None:
    text = "a" * 100_000
    assert point_of("w", "m", said("openai_chat", text)) != point_of("w", "m", said("openai_chat", text + "a"))
    assert point_of("w", "m", said("openai_chat", text)) != point_of("w", "m", said("openai_chat", text[:-1] + "b"))


@given(TEXT, st.sampled_from(DIALECTS))
def test_by_weight_it_stays_on_its_route_in_every_process(text: str, dialect: Dialect) -> None:
    order = alone(ROUTES, "weight", said(dialect, text)).routes
    assert alone(ROUTES, "weight", said(dialect, text, "yes?", "more")).routes == order


class Process:
    """One that serves conversations, each request by the first of its routes or by the one that it is told to."""

    def __init__(self, by: RouteBy = "weight") -> None:
        self.by: RouteBy = by
        self.now = 0.0
        self.health, self.conversations = ToldHealth(), Conversations()
        self.choosing = Choosing(self.health, self.conversations, lambda: self.now)

    def serve(self, conversation: Conversation, served: int | None = 0) -> list[str]:
        """The order of a request's routes, by the providers' own names of the model."""
        chosen = self.choosing.among(ROUTES, self.by, "m", asks(conversation))
        if served is not None and chosen.served is not None:
            chosen.served(chosen.routes[served])
        return [route.model for route in chosen.routes]


BEGUN, LATER = said("openai_chat", "hi"), said("openai_chat", "hi", "yes?", "more")


@pytest.mark.parametrize("by", ["weight", "order", "price", "latency", "throughput"])
def test_a_conversation_that_another_route_took_over_stays_there(by: RouteBy) -> None:
    process = Process(by)
    order = process.serve(BEGUN, served=1)
    assert process.serve(LATER)[0] == order[1]
    if by != "weight":
        assert process.serve(said("openai_chat", "other"))[0] == order[0], "another one is not moved"
    process.health.unusable = {order[1]}
    assert process.serve(LATER, served=None)[0] != order[1], "only while that is healthy"
    process.health.unusable = set()
    assert process.serve(LATER)[0] == order[1]


@pytest.mark.parametrize("by", ["latency", "throughput"])
def test_what_is_measured_chooses_only_for_new_ones(by: RouteBy) -> None:
    process = Process(by)
    sign = 1 if by == "latency" else -1
    process.health.measures = {f"up{number}": 10.0 + sign * number for number in range(1, 5)}
    assert process.serve(BEGUN) == ["up1", "up2", "up3", "up4"]
    process.health.measures = {f"up{number}": 10.0 - sign * number for number in range(1, 5)}
    assert process.serve(LATER) == ["up1", "up3", "up2", "up4"]
    assert process.serve(said("openai_chat", "new")) == ["up3", "up2", "up1", "up4"]


def test_a_callers_sort_too() -> None:
    process = Process()
    process.health.measures = {f"up{number}": float(number) for number in range(1, 5)}
    wish = {"provider": {"sort": "latency"}}

    def first(*texts: str) -> str:
        conversation = said("openai_chat", *texts, **wish)
        chosen = process.choosing.among(ROUTES, "latency", "m", asks(conversation))
        assert chosen.served is not None
        chosen.served(chosen.routes[0])
        return chosen.routes[0].model

    assert first("hi") == "up1"
    process.health.measures["up1"] = 50.0
    assert [first("hi", "yes?", "more"), first("new")] == ["up1", "up2"]


def test_nothing_is_remembered_of_what_the_hash_tells() -> None:
    process = Process()
    for number in range(100):
        process.serve(said("openai_chat", str(number)))
    assert len(process.conversations) == 0
    order = process.serve(BEGUN, served=1)
    assert len(process.conversations) == 1
    process.health.unusable = {order[1]}
    assert process.serve(LATER)[0] == order[0]
    assert len(process.conversations) == 0, "it is back where it is given anyway"


def test_after_an_hour_of_silence_it_is_a_new_one() -> None:
    process = Process("price")
    process.serve(BEGUN, served=1)
    process.now = SECONDS
    assert process.serve(LATER)[0] == "up1"
    process.now = 2 * SECONDS
    assert process.serve(LATER)[0] == "up1", "counted from its last request"
    process.now = 3 * SECONDS + 1
    assert process.serve(LATER)[0] == "up2"


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0, SECONDS)), max_size=60))
def test_what_is_remembered_is_bounded_and_the_latest(kept: list[tuple[int, float]]) -> None:
    conversations, now = Conversations(most=4), 0.0
    for point, passed in kept:
        now += passed
        conversations.keep(point, ROUTES[point % 4], now)
        assert len(conversations) <= 4
        route = ROUTES[point % 4]
        assert conversations.served_by(point, now) == (route.provider.name, route.model)
    latest = list(dict.fromkeys(point for point, _ in reversed(kept)))
    times, at = dict[int, float](), 0.0
    for point, passed in kept:
        at += passed
        times[point] = at
    for point in range(10):
        remembered = conversations.served_by(point, now) is not None
        assert remembered <= (point in latest[:4])
        if point in latest[:4] and now - times[point] <= SECONDS:
            assert remembered


def test_opaque_reasoning_goes_where_it_can_be_read() -> None:
    routes = routed().routes_for("test/mixed")

    def order(*messages: Any, **fields: Any) -> list[str]:
        body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}, *messages], **fields}
        conversation = FORMATS["anthropic_messages"].decode_request(json.dumps(body).encode())
        return [route.provider.name for route in alone(routes, "order", conversation).routes]

    def thought(signature: str) -> tuple[Any, Any]:
        block = {"type": "thinking", "thinking": "hm", "signature": signature}
        return {"role": "assistant", "content": [block]}, {"role": "user", "content": "and?"}

    assert order() == ["one", "claude"]
    assert order(*thought("c2ln")) == ["claude", "one"], "of the format's own vendor"
    assert order(*thought("hi1.openai.YmxvYg")) == ["one", "claude"]
    assert order(*thought("hi1.openai.YmxvYg"), *thought("c2ln")) == ["claude", "one"], "the latest"
    assert order(*thought("hi1.other.YmxvYg")) == ["one", "claude"], "nobody's here"
    assert order(*thought("c2ln"), provider={"order": ["one"]}) == ["one", "claude"], "the caller's own word"


def test_a_signed_call_is_opaque_reasoning_too() -> None:
    call: dict[str, Any] = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    call["extra_content"] = {"google": {"thought_signature": "hi1.google.c2ln"}}
    messages: list[Any] = [{"role": "user", "content": "hi"}, {"role": "assistant", "tool_calls": [call]}]
    messages.append({"role": "tool", "tool_call_id": "c1", "content": "seen"})
    body = json.dumps({"model": "m", "messages": messages}).encode()
    assert vendor_of(FORMATS["openai_chat"].decode_request(body)) == "google"
    assert vendor_of(BEGUN) is None


def test_one_route_is_not_looked_into() -> None:
    assert alone(ROUTES[:1], "weight", BEGUN) == (ROUTES[:1], None, None)
