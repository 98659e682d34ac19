"""The accounts through the console: what is asked, changed and answered, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.api.store.keys import digest
from hyperinfer.nodes.ports import Principal
from tests.api.console.browsers import a_console
from tests.api.store.samples import NOW, a_generation

if TYPE_CHECKING:
    from pathlib import Path

WRONG: list[tuple[str, Any, int, str | None]] = [
    ("/workspaces", {}, 400, "name"),
    ("/workspaces", {"name": "x", "credits": "much"}, 400, "credits"),
    ("/workspaces", {"name": "x", "credits": 1e-13}, 400, "credits"),
    ("/workspaces", {"name": "lab"}, 400, None),
    ("/workspaces", "text", 400, None),
    ("/workspaces/lab/topup", {"amount": "x"}, 400, "amount"),
    ("/workspaces/lab/topup", {"amount": -1e6}, 400, None),
    ("/workspaces/nobody/topup", {"amount": 1}, 404, None),
    ("/keys", {}, 400, "workspace"),
    ("/keys", {"workspace": "lab", "models": "demo/chat"}, 400, "models"),
    ("/keys", {"workspace": "lab", "models": [1]}, 400, "models[0]"),
    ("/keys", {"workspace": "lab", "models": []}, 400, None),
    ("/keys", {"workspace": "lab", "limit_daily": "1e-13"}, 400, "limit_daily"),
    ("/keys", {"workspace": "lab", "limit_monthly": True}, 400, "limit_monthly"),
    ("/keys", {"workspace": "lab", "limit_total": -1}, 400, None),
    ("/keys", {"workspace": "lab", "rate_per_minute": 0}, 400, None),
    ("/keys", {"workspace": "lab", "burst": 1.5}, 400, "burst"),
    ("/keys", {"workspace": "lab", "expires_at": "soon"}, 400, "expires_at"),
    ("/keys/key_0/enable", None, 404, None),
    ("/keys/hi-lab-key/revoke", None, 404, None),
]


async def test_accounts_are_administered(tmp_path: Path) -> None:
    async with a_console(tmp_path) as console:
        browser, store = console.browser(), console.gateway.store
        await browser.sign_in()
        made = await browser.post("/workspaces", {"name": "lab", "credits": "0.1"})
        assert (made.status_code, made.json()["balance_micro_usd"]) == (201, "100000")
        topped = await browser.post("/workspaces/lab/topup", {"amount": "0.000000000003"})
        assert '"balance":0.100000000003,' in topped.text
        assert (await browser.post(f"/workspaces/{made.json()['id']}/lock")).json()["locked"] is True
        assert (await browser.post("/workspaces/lab/unlock")).json()["locked"] is False
        terms = {
            "workspace": "lab",
            "name": "ci",
            "models": ["demo/chat"],
            "rate_per_minute": 5,
            "burst": 6,
            "limit_daily": "1.25",
            "limit_monthly": 2,
            "limit_total": "3.000000000001",
            "expires_at": "2999-01-31T12:00:00+01:00",
        }
        response = await browser.post("/keys", terms)
        assert response.status_code == 201
        key = response.json()
        assert '"limit_total":3.000000000001,' in response.text
        assert key["expires_at"] == "2999-01-31T11:00:00.000Z"
        assert isinstance(await store.authenticate(digest(key["key"])), Principal)
        for verb, status in (("disable", "disabled"), ("enable", "active"), ("revoke", "revoked")):
            changed = await browser.post(f"/keys/{key['id']}/{verb}")
            assert (changed.status_code, changed.json()["status"]) == (200, status)
        assert not isinstance(await store.authenticate(digest(key["key"])), Principal)
        assert (await browser.post(f"/keys/{key['id']}/enable")).status_code == 400
        listed = await browser.get("/keys?workspace=lab")
        assert [each["id"] for each in listed.json()["data"]] == [key["id"]]
        assert key["key"] not in listed.text
        assert (await browser.get("/keys?workspace=nobody")).status_code == 404
        assert (await browser.get("/workspaces")).json()["data"] == [(await browser.get("/workspaces/lab")).json()]
        models = await browser.get("/models")
        assert models.content == (await browser.client.get("/api/v1/models")).content
        for path, body, code, param in WRONG:
            refused = await browser.post(path, body)
            assert (refused.status_code, refused.json()["error"]["param"]) == (code, param), (path, body, refused.text)
        assert len(await store.keys()) == 1


async def test_usage_adds_up_in_every_cut(tmp_path: Path) -> None:
    async with a_console(tmp_path) as console:
        browser, store = console.browser(), console.gateway.store
        await browser.sign_in()
        lab, other = await store.create_workspace("lab"), await store.create_workspace("other")
        for number, (workspace, days, cost) in enumerate([(lab, 0, 7), (lab, 1, 70), (lab, 1, 700), (other, 1, 7000)]):
            await store.settle(a_generation(f"r{number}", workspace.id, cost, NOW - days * 86_400))
        for by in ("key", "day_model"):
            report = (await browser.get(f"/usage?by={by}")).json()
            assert (report["by"], report["total"]["cost_micro_usd"]) == (by, "0.007777"), by
            assert sum(group["requests"] for group in report["data"]) == report["total"]["requests"] == 4
        days = (await browser.get("/usage?by=day&workspace=lab")).json()["data"]
        assert [day["cost_micro_usd"] for day in days] == ["0.00077", "0.000007"]
        yesterday = days[0]["group"]
        one = (await browser.get(f"/usage?by=day&since={yesterday}&until={yesterday}")).json()
        assert [day["group"] for day in one["data"]] == [yesterday]
        assert one["total"]["cost_micro_usd"] == "0.00777"
        for query, param in (("by=hour", "by"), ("since=yesterday", "since"), ("until=2026-02-30", "until")):
            refused = await browser.get(f"/usage?{query}")
            assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)
        assert (await browser.get("/usage?workspace=nobody")).status_code == 404
