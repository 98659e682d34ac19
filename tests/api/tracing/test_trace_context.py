"""The trace of the client, where it says one as W3C has it; and which requests are traced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hyperinfer.api.tracing.sampling import SAMPLERS, Sampler
from hyperinfer.api.tracing.trace_context import Parent, parent_of
from tests.support.bench import asked, bench
from tests.support.replies import WHOLES
from tests.support.traced import keeping
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.nodes import Ticket

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{SPAN}-01"


def parent(*values: str, state: tuple[str, ...] = ()) -> Parent | None:
    headers = [(b"host", b"x"), *((b"traceparent", value.encode("latin-1")) for value in values)]
    return parent_of([*headers, *((b"tracestate", value.encode("latin-1")) for value in state)])


@pytest.mark.parametrize(
    ("value", "sampled"),
    [(GOOD, True), (f" {GOOD}\t", True), (f"00-{TRACE}-{SPAN}-00", False), (f"00-{TRACE}-{SPAN}-03", True),
     (f"01-{TRACE}-{SPAN}-01", True), (f"cc-{TRACE}-{SPAN}-01-what-comes", True)],
)  # fmt: skip
def test_what_is_taken(value: str, sampled: bool) -> None:
    assert parent(value) == Parent(bytes.fromhex(TRACE), bytes.fromhex(SPAN), sampled)


@pytest.mark.parametrize(
    "value",
    ["", "x", f"00-{TRACE}-{SPAN}", f"{GOOD}-more", f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01",
     f"00-{TRACE}-{'0' * 16}-01", GOOD.upper(), f"0-{TRACE}-{SPAN}-01", f"00-{TRACE[:-1]}-{SPAN}-01", f"cc{GOOD[2:]}x",
     GOOD.replace("-", "_"), f"{GOOD},{GOOD}", f"00-{TRACE[:-1]}é-{SPAN}-01"],
)  # fmt: skip
def test_what_is_ignored(value: str) -> None:
    assert parent(value) is None


def test_none_and_two_are_no_parent() -> None:
    assert parent() is None
    assert parent(GOOD, GOOD) is None


@pytest.mark.parametrize(
    ("state", "kept"),
    [(("a=1",), "a=1"), (("a=1, b=2", "t@v=x"), "a=1,b=2,t@v=x"), ((" ",), ""), (("a=1,a=2",), ""), (("A=1",), ""),
     (("a",), ""), (("a=1;b", "c=,"), ""), ((",".join(f"k{n}=v" for n in range(33)),), ""), (("a=\x7f",), "")],
)  # fmt: skip
def test_the_state_is_kept_as_a_whole_or_not_at_all(state: tuple[str, ...], kept: str) -> None:
    found = parent(GOOD, state=state)
    assert found is not None
    assert found.state == kept


def test_samplers_are_those_of_the_specification() -> None:
    yes, no = Parent(b"\xff" * 16, b"\1" * 8, True), Parent(b"\0" * 16, b"\1" * 8, False)
    lowest, highest = bytes(15) + b"\1", b"\xff" * 16
    decides = {
        name: [Sampler(based, 0.5 if share is None else share).samples(trace, parent)
               for trace, parent in ((highest, yes), (lowest, no), (lowest, None), (highest, None))]
        for name, (based, share) in SAMPLERS.items()
    }  # fmt: skip
    assert decides == {
        "always_on": [True, True, True, True],
        "always_off": [False, False, False, False],
        "traceidratio": [False, True, True, False],
        "parentbased_always_on": [True, False, True, True],
        "parentbased_always_off": [True, False, False, False],
        "parentbased_traceidratio": [True, False, True, False],
    }


async def test_the_trace_of_the_client_goes_on_and_is_not_passed_on(autojump_clock: object) -> None:
    tracer, kept = keeping()
    seen: list[str | None] = []
    async with bench(*[Script([(0.0, WHOLES["openai_chat"])])] * 2, tracer=tracer) as gateway:

        def say(ticket: Ticket, status: int | None, left: bool) -> None:
            seen.append(ticket.trace_id)

        object.__setattr__(gateway.data_plane, "say", say)
        body = asked("openai_chat", "openai_chat", stream=False)
        await gateway.send("openai_chat", body, {"traceparent": GOOD, "tracestate": "a=1"})
        await gateway.send("openai_chat", body, {"traceparent": f"00-{TRACE}-{SPAN}-00"})
        assert not any("trace" in name for played in gateway.transport.played for name in played.headers)
    trace = kept.one
    assert (trace.trace_id.hex(), trace.spans[0].parent.hex(), trace.state) == (TRACE, SPAN, "a=1")
    assert seen == [TRACE, TRACE]
