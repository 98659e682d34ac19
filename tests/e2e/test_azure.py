"""Azure OpenAI by configuration alone: its addresses, its query, and the key in a header of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.limited import last_upstream, post_json
from tests.support.judge import breaches

if TYPE_CHECKING:
    from tests.support.formats import Route
    from tests.support.served import Running

ADDRESSES = {
    "test/azure_chat": ("/openai/deployments/upstream-azure_chat/chat/completions", "api-version=2024-10-21"),
    "test/azure_responses": ("/openai/v1/responses", "api-version=preview"),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("model", ADDRESSES)
def test_azure(server: Running, upstream: Running, route: Route, model: str, stream: bool) -> None:
    answer = post_json(server, route, route.body(model, "Hello, Azure!", stream=stream))
    assert answer.status == 200
    # A stream has the text in pieces.
    assert b"demo" in answer.body
    if stream:
        assert breaches(route.dialect, answer.body) == []
    seen = last_upstream(upstream)
    assert (seen["path"], seen["query"]) == ADDRESSES[model]
    headers = dict(seen["headers"])
    assert headers["api-key"] == "sk-upstream"
    assert "authorization" not in headers
    assert json.loads(seen["body"])["model"] == model.replace("test/", "upstream-")
