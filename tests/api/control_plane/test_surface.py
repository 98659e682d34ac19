"""What holds for every route: ids, envelopes, methods, and nothing that gives the inside away."""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING

import pytest
import trio

if TYPE_CHECKING:
    import httpx2

    from tests.api.control_plane.kit import Served

READ = (
    *("/healthz", "/readyz", "/openapi.json", "/api/v1/models", "/api/v1/models/demo/chat"),
    *("/api/v1/generation", "/api/v1/key", "/api/v1/credits"),
)
WRITE = ("/api/v1/playground-keys",)
UNKNOWN = (
    "/nope",
    "/healthz/",
    "//healthz",
    "/HEALTHZ",
    "/static/x",
    "/api/v1",
    "/api/v1/models/",
    "/api/v1//models",
    "/api/v1/generation/abc",
    "/openapi.json/",
    "/%00",
    "/%FF%FE",
    "/..%2f..%2fetc/passwd",
)


def check_error(response: httpx2.Response, status: int, code: str) -> None:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    error = response.json()["error"]
    assert error["code"] == code
    assert error["request_id"] == response.headers["x-request-id"]


async def test_an_unknown_path_is_404(gateway: Served) -> None:
    for path in UNKNOWN:
        # The whole address: else a path of two slashes is taken for another host's.
        check_error(await gateway.client.get(gateway.url + path), 404, "invalid_request")
        check_error(await gateway.client.post(gateway.url + path, json={}), 404, "invalid_request")


async def test_a_wrong_method_names_the_right_ones(gateway: Served) -> None:
    for path in READ:
        for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"):
            response = await gateway.client.request(method, path)
            check_error(response, 405, "invalid_request")
            assert response.headers["allow"] == "GET, HEAD, OPTIONS"
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        response = await gateway.client.request(method, WRITE[0])
        assert (response.status_code, response.headers["allow"]) == (405, "POST, OPTIONS")


async def test_options_names_the_methods(gateway: Served) -> None:
    for path in READ + WRITE:
        response = await gateway.client.options(path)
        assert (response.status_code, response.content) == (204, b"")
        assert response.headers["allow"] == ("POST, OPTIONS" if path in WRITE else "GET, HEAD, OPTIONS")
        assert not {"content-type", "content-length"} & response.headers.keys()


async def test_head_is_get_without_the_body(gateway: Served) -> None:
    for path in READ:
        got, head = await gateway.client.get(path), await gateway.client.head(path)
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert lasting(head.headers) == lasting(got.headers)


def lasting(headers: httpx2.Headers) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in ("x-request-id", "date")}


async def test_every_response_has_an_id_of_ours_and_nothing_of_the_server(gateway: Served) -> None:
    seen: set[str] = set()
    for path in (*READ, *WRITE, *UNKNOWN):
        response = await gateway.client.get(path, headers={"x-request-id": "theirs", "cookie": "session=x"})
        id = response.headers["x-request-id"]
        assert re.fullmatch(r"[a-z0-9_-]{1,40}", id)
        assert id not in seen
        seen.add(id)
        assert not {"server", "set-cookie", "x-powered-by", "location"} & response.headers.keys()
    assert "theirs" not in seen


async def test_below_messages_errors_are_in_its_envelope(gateway: Served) -> None:
    for path in ("/api/v1/messages/count", "/api/v1/messages/batches/x", "/api/v1/messages/"):
        check_anthropic(await gateway.client.post(path, json={}), 404)


async def test_an_anthropic_client_gets_its_envelope_everywhere(gateway: Served) -> None:
    for path, status in (("/nope", 404), ("/api/v1/models/nope", 404), ("/api/v1/generation", 401)):
        check_anthropic(await gateway.client.get(path, headers={"anthropic-version": "2023-06-01"}), status)


def check_anthropic(response: httpx2.Response, status: int) -> None:
    assert response.status_code == status
    body = response.json()
    assert body["type"] == "error"
    assert body["error"].keys() >= {"type", "code", "message"}
    assert body["request_id"] == response.headers["x-request-id"] == response.headers["request-id"]


async def test_elsewhere_they_are_openais(gateway: Served) -> None:
    for path in ("/api/v1/messagesx", "/api/v1/chat/completions/x"):
        response = await gateway.client.post(path, json={})
        check_error(response, 404, "invalid_request")
        assert response.json().keys() == {"error"}


@pytest.mark.parametrize("anthropic", [False, True])
async def test_a_bug_is_a_500_that_says_nothing(
    gateway: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, anthropic: bool
) -> None:
    def broken(_: object) -> bool:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(type(gateway.gateway.store), "healthy", property(broken))
    headers = {"anthropic-version": "2023-06-01"} if anthropic else {}
    with caplog.at_level(logging.ERROR):
        response = await gateway.client.get("/readyz", headers=headers)
    check_anthropic(response, 500) if anthropic else check_error(response, 500, "internal_error")
    assert response.json()["error"]["code"] == "internal_error"
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    logged = [record for record in caplog.records if record.name == "hyperinfer.control_plane"]
    assert len(logged) == 1
    assert response.headers["x-request-id"] in logged[0].getMessage()
    assert logged[0].exc_info is not None
    assert (await gateway.client.get("/healthz")).status_code == 200


async def test_a_target_that_is_no_path(gateway: Served) -> None:
    for target, status in ((b"*", b"404"), (b"?id=x", b"400")):
        received = b""
        async with await trio.open_tcp_stream("127.0.0.1", gateway.port) as stream:
            await stream.send_all(b"OPTIONS " + target + b" HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            async for data in stream:
                received += bytes(data)
        assert received.startswith(b"HTTP/1.1 " + status)
        # The other is no request: `serve` is told elsewhere how to refuse those.
        assert (b"\r\nx-request-id: " in received) == (target == b"*")


async def test_a_malformed_host_is_no_crash(gateway: Served) -> None:
    for host, status in (
        ("a b", 400),
        ("[", 400),
        ("x/y", 400),
        ("a" * 300, 200),
        ("ex\u00e4mple", 400),
        ("localhost:99999", 200),
    ):
        response = await gateway.client.get("/healthz", headers=[(b"host", host.encode("latin-1"))])
        assert response.status_code == status


async def test_quart_is_loaded_when_the_first_such_request_comes() -> None:
    # It costs 17 MB and a quarter of a second.
    program = "import sys, hyperinfer.api.app, hyperinfer.api.openapi.document; sys.exit('quart' in sys.modules)"
    done = await trio.run_process([sys.executable, "-P", "-c", program], check=False)
    assert done.returncode == 0
