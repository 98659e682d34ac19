"""The pages and the headers that all of the console's responses have."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import TYPE_CHECKING

from hyperinfer.api.console.assets import MEDIA_TYPES, load_assets
from hyperinfer.api.console.guard import SECURITY_HEADERS
from tests.api.console.browsers import API, a_console

if TYPE_CHECKING:
    import httpx2

POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
}

OTHERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def check_headers(response: httpx2.Response) -> None:
    for name, value in SECURITY_HEADERS:
        assert response.headers.get_list(name.decode()) == [value.decode()], response.url
    assert set(response.headers["content-security-policy"].split("; ")) == POLICY
    assert {name: response.headers.get(name) for name in OTHERS} == OTHERS
    assert len(response.headers.get_list("cache-control")) == 1
    assert "access-control-allow-origin" not in response.headers
    assert response.headers["x-request-id"]


async def test_every_response_is_guarded(tmp_path: Path) -> None:
    async with a_console(tmp_path) as console:
        browser = console.browser()
        assets = load_assets()
        pages = ["/", "/console", "/console/", f"/console/assets-{assets.hash}/js/main.js"]
        nowhere = ["/console/nothing", "/console/assets/nothing.js", "/console/assets/../routes.py", f"{API}/nothing", API]
        for path in (*pages, *nowhere):
            for method in ("GET", "HEAD", "POST", "OPTIONS"):
                check_headers(await browser.client.request(method, path))
        for name in assets.files:
            check_headers(await browser.client.get(f"/console/assets/{name}"))
        for path in nowhere:
            assert (await browser.client.get(path)).status_code == 404, path
        refused = [
            await browser.sign_in("wrong"),
            await browser.get("/keys"),
            await browser.sign_in(origin="http://evil.example"),
            await browser.client.post(f"{API}/session", content=b"x" * 2_000_000),
            await browser.client.put(f"{API}/session"),
        ]
        assert [response.status_code for response in refused] == [401, 401, 403, 400, 405]
        assert (await browser.sign_in()).status_code == 200
        answers = [await browser.get(path) for path in ("/session", "/workspaces", "/keys", "/usage")]
        for response in (*refused, *answers, await browser.post("/workspaces", {"name": 1}), await browser.sign_out()):
            check_headers(response)
            assert response.headers["cache-control"] == "no-store"
        assert "/console" not in (await browser.client.get("/openapi.json")).text.replace("/admin/console", "")
        # And no other route is.
        other = await browser.client.get("/healthz")
        assert "content-security-policy" not in other.headers


async def test_pages_are_kept_for_as_long_as_they_are_the_same(tmp_path: Path) -> None:
    async with a_console(tmp_path) as console:
        client = console.browser().client
        index = await client.get("/", headers={"accept-encoding": "identity"})
        assert (index.headers["content-type"], index.headers["cache-control"]) == ("text/html; charset=utf-8", "no-cache")
        again = await client.get("/", headers={"if-none-match": index.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        named = re.findall(r'"(/console/assets[^"]*)"', index.text)
        assert named
        for address in named:
            response = await client.get(address)
            assert response.headers["cache-control"] == "public, max-age=31536000, immutable", address
            assert response.headers["content-type"] == MEDIA_TYPES[Path(address).suffix]
            short = re.sub(r"assets-\w+/", "assets/", address)
            for other in (short, re.sub(r"assets-\w+/", "assets-0123456789abcdef/", address)):
                current = await client.get(other)
                assert (current.content, current.headers["cache-control"]) == (response.content, "no-cache")
            kept = await client.get(short, headers={"if-none-match": f'"x", {response.headers["etag"]}'})
            assert kept.status_code == 304
        packed = await client.get("/", headers={"accept-encoding": "gzip"})
        assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
        assert packed.content == index.content


async def test_nothing_leads_out_of_the_folder(tmp_path: Path) -> None:
    async with a_console(tmp_path) as console:
        client = console.browser().client
        for path in (
            "../routes.py",
            "..%2froutes.py",
            "%2e%2e/%2e%2e/providers.yaml",
            "./index.html",
            "index.html",
            "/etc/passwd",
            "%2fetc%2fpasswd",
            "a%00b",
            "..\\routes.py",
            "console.js/",
            "",
        ):
            for prefix in ("/console/assets/", "/console/assets-x/", "/console/assets-../"):
                response = await client.get("http://gw.example" + prefix + path)
                assert response.status_code == 404, prefix + path
                assert b"import" not in response.content


async def test_off_there_is_nothing(tmp_path: Path) -> None:
    async with a_console(tmp_path, console=False) as console:
        browser = console.browser()
        for path in ("/", "/console", "/console/assets/index.html", f"{API}/session"):
            response = await browser.client.get(path)
            assert response.status_code == 404
            assert "content-security-policy" not in response.headers
        assert (await browser.sign_in()).status_code == 404


def test_a_change_of_any_file_is_another_version(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "index.html").write_text('<script src="/console/assets/a.js"></script>')
    (tmp_path / "a.js").write_text("1")
    (tmp_path / "deep" / "b.css").write_text("b {}")
    (tmp_path / "notes.py").write_text("no page")
    first = load_assets(tmp_path)
    assert set(first.files) == {"index.html", "a.js", "deep/b.css"}
    assert first.index.body == f'<script src="/console/assets-{first.hash}/a.js"></script>'.encode()
    assert gzip.decompress(first.index.packed) == first.index.body
    assert load_assets(tmp_path) == first
    (tmp_path / "deep" / "b.css").write_text("b { }")
    second = load_assets(tmp_path)
    assert second.hash != first.hash
    assert second.index.etag != first.index.etag
    assert second.files["a.js"] == first.files["a.js"]


def test_pages_need_nothing_that_the_policy_forbids() -> None:
    for name, asset in load_assets().files.items():
        text = asset.body.decode()
        if name.endswith(".html"):
            assert not re.search(r"<style|<script(?![^>]*\bsrc=)|\son\w+\s*=|\sstyle\s*=|javascript:", text), name
        assert not re.search(r"""(?:src|href)=["']https?:|@import|url\(\s*["']?https?:""", text), name
