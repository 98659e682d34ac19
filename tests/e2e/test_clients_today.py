"""What clients send today beyond what was captured, to an upstream of each protocol: all that matters is there, or is told.

Each row is one thing (wire facts 5). Towards the client's own protocol every field goes as it came; towards the others
`there` must be in the request that the upstream got, and the losses are those of `lost`, each the path or the beginning
of it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.limited import last_upstream, post_json
from tests.e2e.test_captured_clients import check_same, losses_of
from tests.e2e.today_chat import FROM_CHAT
from tests.e2e.today_messages import FROM_MESSAGES
from tests.e2e.today_responses import FROM_RESPONSES
from tests.support.compare import missing

if TYPE_CHECKING:
    from tests.support.served import Running

ROWS = {
    f"{row.route.name}: {name}": row for rows in (FROM_MESSAGES, FROM_RESPONSES, FROM_CHAT) for name, row in rows.items()
}


@pytest.mark.parametrize("target", ["chat", "responses", "messages"])
@pytest.mark.parametrize("name", ROWS)
def test_it_arrives_or_is_told(server: Running, upstream: Running, name: str, target: str) -> None:
    row = ROWS[name]
    answer = post_json(server, row.route, {**row.body, "model": f"test/{target}"})
    assert answer.status == 200, answer
    request = last_upstream(upstream)["body"]
    sent, losses = json.loads(request), losses_of(server, answer)
    expected = row.expected.get(target)
    if expected is None:
        assert row.route.name == target
        assert losses == []
        check_same(row.body, sent, name)
        return
    assert missing(expected.there, sent) == []
    assert [text for text in expected.absent if text in json.dumps(sent)] == []
    assert [path for path in expected.lost if not any(loss.startswith(path) for loss in losses)] == []
    assert [loss for loss in losses if not loss.startswith(expected.lost)] == []
    assert len(set(losses)) == len(losses)
