"""Signing in and out, and everything that is refused without."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import trio

from hyperinfer.api.console.session import LIFETIME
from tests.api.console.browsers import API, TOKEN, Browser, a_console

if TYPE_CHECKING:
    from pathlib import Path

    import httpx2
    import pytest

CHANGES: tuple[tuple[str, Any], ...] = (
    ("/workspaces", {"name": "more"}),
    ("/workspaces/lab/topup", {"amount": 1}),
    ("/workspaces/lab/lock", None),
    ("/workspaces/lab/unlock", None),
    ("/keys", {"workspace": "lab"}),
    ("/keys/key_1/enable", None),
    ("/keys/key_1/disable", None),
    ("/keys/key_1/revoke", None),
    ("/playground", {"workspace": "lab", "format": "openai_chat", "body": {}}),
)
READS = ("/session", "/models", "/workspaces", "/workspaces/lab", "/keys", "/usage?by=day", "/requests")


def said(response: httpx2.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


async def test_nothing_without_a_session_and_no_change_without_its_csrf_token(tmp_path: Path) -> None:
    async with a_console(tmp_path) as console:
        stranger, mine, yours = console.browser(), console.browser(), console.browser()
        await console.gateway.store.create_workspace("lab")
        assert (await mine.sign_in()).status_code == (await yours.sign_in()).status_code == 200
        for path in READS:
            assert said(await stranger.get(path)) == (401, "not_signed_in"), path
            assert said(await mine.get(path, **{"sec-fetch-site": "same-site"})) == (403, "other_origin"), path
            assert (await mine.get(path, **{"sec-fetch-site": "same-origin"})).status_code == 200, path
        for path, body in CHANGES:
            assert said(await stranger.post(path, body)) == (401, "not_signed_in"), path
            assert said(await stranger.post(path, body, **{"x-csrf-token": mine.csrf})) == (401, "not_signed_in"), path
            for wrong in ("", "x", mine.csrf[:-1], mine.csrf + "A", yours.csrf):
                refused = await mine.post(path, body, **{"x-csrf-token": wrong})
                assert said(refused) == (403, "wrong_csrf"), (path, wrong)
            without = await mine.client.post(API + path, json=body)
            assert said(without) == (403, "wrong_csrf"), path
            for elsewhere in (
                {"sec-fetch-site": "cross-site"},
                {"sec-fetch-site": "same-site"},
                {"origin": "http://evil.example"},
                {"origin": "null"},
                {"origin": "http://gw.example:81"},
            ):
                assert said(await mine.post(path, body, **elsewhere)) == (403, "other_origin"), (path, elsewhere)
        assert said(await mine.client.delete(f"{API}/session")) == (403, "wrong_csrf")
        assert len(await console.gateway.store.workspaces()) == 1
        assert not await console.gateway.store.keys()
        assert (await mine.post("/workspaces", {"name": "more"}, origin="http://gw.example")).status_code == 201


async def test_every_route_is_tried_here(tmp_path: Path) -> None:
    """Whoever adds one to the console's API adds it above, or says here why not."""
    async with a_console(tmp_path) as console:
        rules = [rule.rule for rule in console.app._quart.url_map.iter_rules() if rule.rule.startswith(API)]
    tried = {path.partition("?")[0] for path in (*READS, *(path for path, _ in CHANGES))}
    shapes = {path.replace("/lab", "/<reference:workspace>").replace("/key_1", "/<key>") for path in tried}
    assert {rule.removeprefix(API) for rule in rules} - shapes == {"/requests/<id_>"}, "read like those that are tried"


async def test_a_session_lasts_as_long_as_it_says(tmp_path: Path) -> None:
    async with a_console(tmp_path) as console:
        browser = console.browser()
        signed_in = await browser.sign_in()
        assert signed_in.json().keys() == {"csrf", "expires_at", "version"}
        (cookie,) = signed_in.headers.get_list("set-cookie")
        assert cookie.endswith(f"; Path=/; Max-Age={LIFETIME}; HttpOnly; SameSite=Strict")
        assert (await browser.get("/session")).json() == signed_in.json()
        console.clock[0] += LIFETIME - 1
        assert (await browser.get("/session")).json() == signed_in.json(), "and is not made longer by being used"
        console.clock[0] += 1
        assert said(await browser.get("/session")) == (401, "not_signed_in")


async def test_signing_out_ends_it_for_a_copy_too(tmp_path: Path) -> None:
    async with a_console(tmp_path) as console:
        browser, other = console.browser(), console.browser()
        await browser.sign_in()
        await other.sign_in()
        copy = browser.cookie_header()
        thief = console.browser()
        assert (await thief.get("/session", cookie=copy)).status_code == 200
        out = await browser.sign_out()
        assert (out.status_code, out.content) == (204, b"")
        assert "Max-Age=0" in out.headers["set-cookie"]
        assert not browser.client.cookies
        console.another_worker()
        for each in (await browser.get("/session"), await thief.get("/session", cookie=copy)):
            assert said(each) == (401, "not_signed_in")
        assert (await other.get("/session")).status_code == 200


async def test_any_worker_knows_a_session_and_another_token_ends_all(tmp_path: Path) -> None:
    async with a_console(tmp_path, token=None) as console:
        browser = console.browser()
        refused = await browser.sign_in("hc-what")
        assert said(refused) == (401, "wrong_token")
        assert "hyperinfer console token" in refused.json()["error"]["message"]
        token = (await console.gateway.store.new_console_token()).reveal()
        assert (await browser.sign_in(token)).status_code == 200
        console.another_worker()
        assert (await browser.get("/session")).json()["csrf"] == browser.csrf
        newer = (await console.gateway.store.new_console_token()).reveal()
        assert said(await browser.get("/session")) == (401, "not_signed_in")
        assert said(await browser.sign_in(token)) == (401, "wrong_token")
        assert (await browser.sign_in(newer)).status_code == 200
    # What was signed out of, and what was not, is known after a restart.
    async with a_console(tmp_path, token=None) as console:
        again = console.browser()
        again.csrf, again.client.cookies = browser.csrf, browser.client.cookies
        assert (await again.get("/session")).status_code == 200
        assert (await again.sign_out()).status_code == 204
    # The environment's token wins, also over sessions of the store's.
    async with a_console(tmp_path) as console:
        assert said(await console.browser().sign_in(newer)) == (401, "wrong_token")
        assert (await console.browser().sign_in(TOKEN)).status_code == 200


async def test_guessing_is_slow_and_does_not_keep_others_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with a_console(tmp_path) as console:
        guesser, operator = console.browser(address="198.51.100.7"), console.browser()
        answers: list[tuple[int, str]] = []

        async def guess(number: int) -> None:
            answers.append(said(await guesser.sign_in(f"hc-guess-{number}")))

        async with trio.open_nursery() as nursery:
            for number in range(30):
                nursery.start_soon(guess, number)
        assert sorted(answers) == [(401, "wrong_token")] * 10 + [(429, "too_many_tries")] * 20
        for token in ("hc-guess", TOKEN):
            late = await guesser.sign_in(token)
            assert said(late) == (429, "too_many_tries")
            assert 1 <= int(late.headers["retry-after"]) <= 10
        assert (await operator.sign_in()).status_code == 200
        wrong = [record for record in caplog.records if "wrong token" in record.getMessage()]
        assert len(wrong) == 10
        assert all("198.51.100.7" in record.getMessage() for record in wrong)
        assert "hc-guess" not in caplog.text


async def test_guessing_does_not_keep_out_who_has_the_token_that_was_made(tmp_path: Path) -> None:
    """Behind a proxy, or where many guess, also the operator's own tries would be too many."""
    async with a_console(tmp_path, token=None) as console:
        token = (await console.gateway.store.new_console_token()).reveal()
        browser = console.browser()
        for number in range(10):
            await browser.sign_in(f"hc-guess-{number}")
        assert said(await browser.sign_in("hc-guess")) == (429, "too_many_tries")
        assert (await browser.sign_in(token)).status_code == 200
        assert said(await browser.sign_in("hc-guess")) == (429, "too_many_tries")


async def test_others_cookies_of_the_same_name_do_not_end_a_session(tmp_path: Path) -> None:
    async with a_console(tmp_path) as console:
        mine, yours = console.browser(), console.browser()
        for browser in (mine, yours):
            await browser.sign_in()
        own, other = mine.cookie_header(), yours.cookie_header()
        await yours.sign_out()
        name = own.partition("=")[0]
        for cookies in (f"{name}=x; {own}", f"{own}; {name}=x", f"{other}; {own}", f"__Host-{name}=; {name}; {own}"):
            found = await console.browser().get("/session", cookie=cookies)
            assert found.json()["csrf"] == mine.csrf, cookies


async def test_no_answer_is_kept_on_the_way(tmp_path: Path) -> None:
    async with a_console(tmp_path) as console:
        browser = console.browser()
        await console.gateway.store.create_workspace("lab")
        for path in READS:
            assert (await browser.get(path)).headers["cache-control"] == "no-store", path
        await browser.sign_in()
        for path in READS:
            found = await browser.get(path)
            assert (found.status_code, found.headers["cache-control"]) == (200, "no-store"), path


async def test_what_is_no_sign_in(tmp_path: Path) -> None:
    async with a_console(tmp_path) as console:
        client = console.browser().client
        path = f"{API}/session"
        bodies: list[tuple[Any, str | None]] = [
            ({}, "token"),
            ({"token": 1}, "token"),
            ({"token": None}, "token"),
            ([], None),
        ]
        for body, param in bodies:
            response = await client.post(path, json=body)
            assert said(response) == (400, "invalid_request")
            assert response.json()["error"]["param"] == param
        form = await client.post(path, data={"token": TOKEN})
        assert said(form) == (400, "invalid_request")
        elsewhere = await client.post(path, json={"token": TOKEN}, headers={"origin": "http://evil.example"})
        assert said(elsewhere) == (403, "other_origin")
        assert "set-cookie" not in elsewhere.headers
        for odd in ("\ud800", "ü" * 1000, "", "\x00"):
            wrong = await client.post(path, content=json.dumps({"token": odd}), headers={"content-type": "application/json"})
            assert wrong.status_code in (400, 401)


async def test_under_tls_the_cookie_is_for_tls_alone(tmp_path: Path) -> None:
    async with a_console(tmp_path) as console:
        secure = console.browser("https://gw.example")
        (cookie,) = (await secure.sign_in()).headers.get_list("set-cookie")
        assert cookie.startswith("__Host-hyperinfer-console-")
        assert cookie.endswith("; Secure")
        assert (await secure.get("/session")).status_code == 200
        assert "__Host-" in (await secure.sign_out()).headers["set-cookie"]
        # A proxy speaks TLS with the browser, and not with us: the page's own origin tells.
        behind = Browser(console.browser("http://gw.example").client)
        signed_in = await behind.sign_in(origin="https://gw.example", **{"x-forwarded-proto": "http"})
        (cookie,) = signed_in.headers.get_list("set-cookie")
        assert cookie.startswith("__Host-")
        pair = cookie.partition(";")[0]
        assert (await console.browser().get("/session", cookie=pair)).status_code == 200
        told = await console.browser().sign_in(**{"x-forwarded-proto": "https"})
        assert "Secure" not in told.headers["set-cookie"], "which anybody may say"


async def test_every_change_and_every_sign_in_leaves_a_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "hyperinfer.console")
    async with a_console(tmp_path) as console:
        browser = console.browser()
        await browser.sign_in()
        await browser.post("/workspaces", {"name": 'a "b"', "credits": "1.5"})
        await browser.post('/workspaces/a "b"/topup', {"amount": "-0.25"})
        await browser.post('/workspaces/a "b"/lock')
        await browser.post('/workspaces/a "b"/unlock')
        key = (await browser.post("/keys", {"workspace": 'a "b"', "name": "ci"})).json()
        for verb in ("disable", "enable", "revoke"):
            await browser.post(f"/keys/{key['id']}/{verb}")
        assert (await browser.post("/workspaces/nobody/lock")).status_code == 404
        await browser.sign_out()
    lines = [record.getMessage() for record in caplog.records if record.name == "hyperinfer.console"]
    (session,) = {line.split()[2].rstrip(":") for line in lines}
    ids = [line.partition(" ")[0] for line in lines]
    assert len(set(ids)) == len(ids)
    workspace = key["workspace"]
    assert [line.partition(f"session {session}")[2] for line in lines] == [
        " signed in from 192.0.2.1",
        f': workspace made: {workspace} "a \\"b\\"", balance 1.5 USD',
        f': topped up by -0.25 USD: {workspace} "a \\"b\\"", balance 1.25 USD',
        f': workspace locked: {workspace} "a \\"b\\"", balance 1.25 USD',
        f': workspace unlocked: {workspace} "a \\"b\\"", balance 1.25 USD',
        f': key made: {key["id"]} "ci" of {workspace}',
        f': key disabled: {key["id"]} "ci" of {workspace}',
        f': key enabled: {key["id"]} "ci" of {workspace}',
        f': key revoked: {key["id"]} "ci" of {workspace}',
        " signed out",
    ]
    for secret in (TOKEN, key["key"], browser.csrf):
        assert secret not in caplog.text
