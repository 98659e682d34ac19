"""Missing, wrong and restricted keys, and the good ones in each header that clients use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.limited import post, post_json
from tests.support.formats import AUTHORIZED, CHAT, ROUTES, Route
from tests.support.served import KEY, Running, command_line

NO_KEYS: dict[str, dict[str, str]] = {
    "none": {},
    "unknown": {"authorization": "Bearer hi-no-such-key"},
    "unknown, Anthropic": {"x-api-key": "hi-no-such-key"},
    "another service's": {"x-api-key": "sk-ant-api03-something"},
    "no scheme": {"authorization": KEY},
    "basic": {"authorization": "Basic " + KEY},
    "empty": {"authorization": "Bearer ", "x-api-key": ""},
    "cut": {"authorization": f"Bearer {KEY[:-1]}"},
    "longer": {"authorization": f"Bearer {KEY}x"},
    "other case": {"authorization": f"Bearer {KEY.upper()}"},
    "huge": {"authorization": "Bearer hi-" + "x" * 30_000},
    "latin-1": {"authorization": "Bearer hi-\xe9\xff"},
    "in another header": {"api-key": KEY},
}


@pytest.mark.parametrize("headers", NO_KEYS.values(), ids=NO_KEYS.keys())
def test_bad_keys(server: Running, route: Route, headers: dict[str, str]) -> None:
    body = json.dumps(route.body("test/chat")).encode()
    told = route.told(post(server, route, body, {"content-type": "application/json", **headers}))
    assert told.code == "invalid_api_key"
    assert KEY not in told.message


GOOD_KEYS: dict[str, dict[str, str]] = {
    "bearer": {"authorization": f"Bearer {KEY}"},
    "small letters": {"authorization": f"bearer {KEY}"},
    "Anthropic": {"x-api-key": KEY},
    "both": {"x-api-key": KEY, "authorization": f"Bearer {KEY}"},
    "beside another's": {"x-api-key": "sk-ant-x", "authorization": f"Bearer {KEY}"},
    "beside another's bearer": {"x-api-key": KEY, "authorization": "Bearer sk-proj-x"},
}


@pytest.mark.parametrize("headers", GOOD_KEYS.values(), ids=GOOD_KEYS.keys())
def test_good_keys(server: Running, route: Route, headers: dict[str, str]) -> None:
    body = json.dumps(route.body("test/chat")).encode()
    assert post(server, route, body, {"content-type": "application/json", **headers}).status == 200


def test_a_request_without_a_key_is_not_read(server: Running, route: Route) -> None:
    assert route.told(post(server, route, b"{", {"content-type": "application/json"})).code == "invalid_api_key"


def test_what_an_account_may_not_do(server: Running, limited_folder: Path) -> None:
    def made_for(workspace: str, *flags: str) -> str:
        return str(command_line(limited_folder, "keys", "create", "--workspace", workspace, *flags)["key"])

    command_line(limited_folder, "workspaces", "create", "poor")
    command_line(limited_folder, "workspaces", "create", "locked", "--credits", "1")
    made = {
        "model_not_allowed": made_for("default", "--models", "test/messages"),
        "rate_limit_exceeded": made_for("default", "--rate", "1", "--burst", "1"),
        "insufficient_credits": made_for("poor"),
        "workspace_locked": made_for("locked"),
        "invalid_api_key": made_for("default"),
    }
    command_line(limited_folder, "workspaces", "lock", "locked")
    command_line(limited_folder, "keys", "revoke", made["invalid_api_key"])
    spent = made["rate_limit_exceeded"]
    first = post_json(server, CHAT, CHAT.body("test/chat"), {**AUTHORIZED, "authorization": f"Bearer {spent}"})
    assert first.status == 200
    for code, key in made.items():
        for route in ROUTES:
            for stream in (False, True):
                body = route.body("test/chat", stream=stream)
                answer = post_json(server, route, body, {**AUTHORIZED, "authorization": f"Bearer {key}"})
                assert route.told(answer).code == code
                assert ("retry-after" in answer.headers) == (code == "rate_limit_exceeded")
    # What costs nothing needs no credit.
    free = {**AUTHORIZED, "authorization": f"Bearer {made['insufficient_credits']}"}
    assert post_json(server, CHAT, CHAT.body("demo/chat"), free).status == 200
