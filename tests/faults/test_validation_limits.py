"""Faults of area validation: what a model or its protocol cannot do is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.faults import wire as w
from tests.faults.bodies import quirky
from tests.faults.kit import ALL, CHAT, MESSAGES, RESPONSES, SHORT, Case, Seen, fault, reaching, refused, through
from tests.support.bench import bench
from tests.support.exchanges import ScriptedExchange
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect


def _no_sampling(body: Any) -> None:
    assert not {"temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty"} & body.keys()


def _told(count: int) -> Callable[[Seen], None]:
    def check(seen: Seen) -> None:
        assert seen.status == 200, seen.body
        _no_sampling(json.loads(seen.asked[0]))
        assert int(seen.headers["x-hyperinfer-loss"]) == count

    return check


_HOT: dict[str, Any] = {"temperature": 0.7, "top_p": 0.9}

test_F085_models_without_sampling_parameters = fault(
    *[
        through(
            client,
            upstream,
            None,
            _told(2),
            [Seen(client, False, asked=[json.dumps(_HOT).encode()], headers={"x-hyperinfer-loss": "0"})],
            stream=False,
            ask=_HOT,
            catalogue=quirky("sampling: omit"),
        )
        for client in ALL
        for upstream in ALL
    ]
)


def _both_or_said(seen: Seen) -> None:
    assert seen.status == 200, seen.body
    lost = int(seen.headers["x-hyperinfer-loss"])
    assert {name for name in _HOT if name in json.loads(seen.asked[0])} == _HOT.keys() or lost > 0


test_F123_top_p_beside_temperature = fault(
    *[
        through(
            client,
            upstream,
            None,
            _both_or_said,
            [Seen(client, False, asked=[b'{"temperature": 0.7}'], headers={"x-hyperinfer-loss": "0"})],
            stream=False,
            ask=_HOT,
        )
        for client in ALL
        for upstream in ALL
    ]
)


def _refused_unsent(seen: Seen) -> None:
    assert "n:" in refused(seen, 400, "invalid_request", "n")
    assert not seen.asked


test_F121_several_answers_where_there_is_one = fault(
    *[
        through(
            CHAT,
            upstream,
            None,
            _refused_unsent,
            [Seen(CHAT, stream, w.chat_whole({"content": "one"}), asked=[b"{}"])],
            stream=stream,
            ask={"n": 2},
        )
        for upstream in (RESPONSES, MESSAGES)
        for stream in (True, False)
    ],
    reaching(CHAT, CHAT, lambda body: _is(body.get("n"), 2), [{"n": 1}, {}], ask={"n": 2}),
)


def _is(got: Any, wanted: Any) -> None:
    assert got == wanted


# F099: counting tokens


def _counted(seen: Seen) -> None:
    assert seen.status == 200, seen.status
    count = json.loads(seen.body)["input_tokens"]
    assert isinstance(count, int)
    assert count > 0


def _counting(upstream: Dialect) -> Case[Seen]:
    """Through the data plane, which has the routes of the three formats."""

    async def right() -> Seen:
        answer = Script([(0.1, b'{"input_tokens": 7}')], headers={"content-type": "application/json"})
        async with bench(answer) as gateway:
            handler = gateway.data_plane.route(_COUNT)
            if handler is None:
                return Seen(MESSAGES, False, b"", 404)
            body = {"model": f"test/{upstream}", "messages": [{"role": "user", "content": "hi"}]}
            headers = {"x-api-key": gateway.secret, "content-type": "application/json"}
            exchange = ScriptedExchange(json.dumps(body).encode(), headers, path=_COUNT)
            await handler(exchange)
            return Seen(MESSAGES, False, exchange.sent, exchange.status or 0)

    wrong = [Seen(MESSAGES, False, b"{}", 404), Seen(MESSAGES, False, b'{"input_tokens": 0}')]
    return Case(SHORT[upstream], right, _counted, wrong)


_COUNT = "/api/v1/messages/count_tokens"

test_F099_tokens_are_counted = fault(*[_counting(upstream) for upstream in ALL])
