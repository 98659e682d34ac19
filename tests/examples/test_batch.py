"""A batch: every request has its answer, so many at once and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.examples.kit import example

if TYPE_CHECKING:
    import pytest
    from trio.testing import MockClock


def line(number: int, model: str = "demo/chat") -> str:
    body = {"model": model, "messages": [{"role": "user", "content": f"Hello {number}"}]}
    return json.dumps({"custom_id": f"c{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}) + "\n"


async def test_each_request_has_its_answer(autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]) -> None:
    batch = example("batch")
    taken: list[float] = []

    def lines() -> Iterator[str]:
        for number in range(20):
            taken.append(autojump_clock.current_time())
            yield line(
                number, "nobody/knows" if number == 3 else ["demo/chat", "demo/messages", "demo/responses"][number % 3]
            )
            yield "\n"

    await batch.main(lines())
    answers = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
    assert sorted(answer["custom_id"] for answer in answers) == sorted(f"c{number}" for number in range(20))
    assert len({answer["id"] for answer in answers}) == 20
    for answer in answers:
        response, number = answer["response"], answer["custom_id"].removeprefix("c")
        if number == "3":
            assert response["status_code"] == 400
            assert response["body"]["error"]["param"] == "model"
        else:
            assert response["status_code"] == 200
            assert f"“Hello {number}”" in response["body"]["choices"][0]["message"]["content"]
    assert taken.count(taken[0]) == batch.AT_ONCE + 1  # the one that is refused takes no time
    assert taken[-1] > taken[0]
