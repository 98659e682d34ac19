"""A person who opens an address of the API gets a page; a program gets JSON, as always."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from typing import TYPE_CHECKING

import pytest

from hyperinfer.api.explained import EXPLAINED, error_page, prefers_page

if TYPE_CHECKING:
    from tests.api.control_plane.kit import Served

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
PROGRAMS = (
    "",
    "*/*",
    "application/json",
    "application/json, text/plain, */*",
    "application/json, text/html;q=0.5",
    "text/event-stream",
)


async def test_a_browser_gets_a_page_with_the_same_facts(gateway: Served) -> None:
    for path, status, words in (
        ("/nope", 404, "There is no such path."),
        ("/v1/chat/completions", 404, "did you mean /api/v1/chat/completions?"),
        ("/api/v1/key", 401, "No API key"),
        ("/api/v1/chat/completions", 405, "use POST"),
        ("/api/v1/messages", 405, "use POST"),
        ("/api/v1/models/none", 404, "There is no model"),
        ("/api/v1/admin/keys", 401, "X-Internal-Token"),
    ):
        page = await gateway.client.get(path, headers={"accept": CHROME})
        assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8"), path
        assert words in page.text
        assert page.headers["x-request-id"] in page.text
        assert "What to do" in page.text
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        (style,) = re.findall("<style>(.*?)</style>", page.text)
        assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in policy
        assert not re.search(r"<script|style=|\son\w+=|https?://", page.text)
        assert page.headers["cache-control"] == "no-store"


async def test_a_program_gets_json(gateway: Served) -> None:
    paths = (("/nope", 404), ("/api/v1/key", 401), ("/api/v1/chat/completions", 405))
    for accept, (path, status) in itertools.product(PROGRAMS, paths):
        told = await gateway.client.get(path, headers={"accept": accept})
        assert (told.status_code, told.headers["content-type"]) == (status, "application/json")
        assert told.json()["error"]["request_id"] == told.headers["x-request-id"]
        assert "content-security-policy" not in told.headers


async def test_a_405_keeps_its_allow(gateway: Served) -> None:
    page = await gateway.client.get("/api/v1/responses", headers={"accept": CHROME})
    assert page.headers["allow"] == "POST"
    head = await gateway.client.head("/nope", headers={"accept": CHROME})
    assert (head.status_code, head.content) == (404, b"")


def test_nothing_that_is_put_in_is_markup() -> None:
    for code, status in {(each.code, each.status) for each in EXPLAINED} | {("a node's own", 500), ("x", 599)}:
        page = error_page(code, status, '<script>alert("x")</script>&', "<b>").decode()
        assert "<script" not in page
        assert "&lt;script&gt;" in page
        assert "<b>" not in page


@pytest.mark.parametrize(
    ("accept", "page"),
    [(CHROME, True), (FIREFOX, True), ("TEXT/HTML", True), ("text/html;q=0", False), ("text/html;q=x", False)],
)
def test_what_a_browser_is(accept: str, page: bool) -> None:
    assert prefers_page(accept) is page


async def test_a_wrong_path_is_told_the_right_one(gateway: Served) -> None:
    for path, words in (
        ("/v1/messages", "did you mean /api/v1/messages?"),
        ("/api/v1/v1/messages", "did you mean /api/v1/messages?"),
        ("/api/v1/chat/completions/", "did you mean /api/v1/chat/completions?"),
        ("/chat/completions", "did you mean /api/v1/chat/completions?"),
        ("/v1/models", "did you mean /api/v1/models?"),
        ("/api/v1/embeddings", "has no embeddings"),
        ("/api/v1/audio/speech", "has no audio routes"),
        ("/api/v1/<b>", "There is no such path."),
    ):
        told = await gateway.client.post(path, json={})
        assert told.status_code == 404
        assert words in told.json()["error"]["message"]
        assert "<b>" not in told.text
