"""The law of places: whatever providers and clients do, and whenever, no provider has more attempts at once than it may, and
in the end every place and every probe is given back."""

from __future__ import annotations

from functools import partial

import httpx2
import trio
import trio.testing
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.support.bench import bench, catalogue
from tests.support.replies import STREAMS
from tests.support.upstreams import NEVER, Piece, Script

FRAMES = STREAMS["openai_chat"]
PLACES = 2
CATALOGUE = catalogue(
    f"concurrency: {PLACES}, breaker: {{faults: 2, pause: 0.5}}, timeouts: {{connect: 2, first_token: 3, idle: 2}}",
    "{in_flight_per_key: 6}",
)
SECONDS = st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0, 5.0])


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    thinking, connecting = draw(SECONDS), draw(SECONDS)
    status = draw(st.sampled_from([200, 200, 200, 429, 503, 400]))
    if status != 200:
        headers = {"content-type": "application/json", "retry-after": str(draw(SECONDS))}
        return Script([(0.0, b'{"error":{"message":"no"}}')], status=status, headers=headers, thinking=thinking)
    if draw(st.integers(0, 4)) == 0:
        return Script(breaks=httpx2.ConnectError("no"), thinking=thinking)
    pieces: list[Piece] = [(draw(SECONDS), frame) for frame in FRAMES[: draw(st.integers(0, len(FRAMES)))]]
    if draw(st.booleans()):
        pieces = [(0.0, b"".join(FRAMES))]
    elif draw(st.booleans()):
        pieces.append(NEVER)
    return Script(pieces, connecting=connecting, thinking=thinking)


# When each comes, for how long its client stays, and for which model.
asks = st.tuples(SECONDS, st.sampled_from([0.25, 1.0, 3.0, 1e6]), st.sampled_from(["twice", "openai_chat"]))


# An example is not made smaller: that takes minutes.
@settings(max_examples=60, deadline=None, phases=[Phase.generate])
@given(st.lists(asks, min_size=1, max_size=9), st.lists(scripts(), min_size=27, max_size=27))
def test_no_more_at_once_than_there_are_places_and_all_are_given_back(
    coming: list[tuple[float, float, str]], plays: list[Script]
) -> None:
    async def main() -> None:
        async with bench(*plays, catalogue=CATALOGUE) as gateway:
            async with trio.open_nursery() as nursery:
                for at, stays, model in sorted(coming):
                    await trio.sleep(max(0.0, at - trio.current_time()))
                    leaves = partial(gateway.ask, leaves_at=at + stays)
                    nursery.start_soon(partial(leaves, "openai_chat", model, stream=True))
            for host in ("openai_chat.test", "second.test"):
                played = [each for each in gateway.transport.played if host in each.url]
                for one in played:
                    meanwhile = [each for each in played if each.at <= one.at and (each.closed_at or 0.0) > one.at]
                    assert len(meanwhile) <= PLACES
            assert [report.probing for report in gateway.health.report()].count(True) == 0

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
