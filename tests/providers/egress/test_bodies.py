"""Answers that are not what they should be: too large, too slow, packed tight, lying about themselves."""

from __future__ import annotations

import gzip
import zlib

import pytest
import trio

from hyperinfer.providers.egress import Egress, EgressError, Fetched
from tests.providers.egress.world import PUBLIC, SMALL, fetch, redirect, reply
from tests.support.rawserver import End, Hold, Reply, Request, Reset, Script, raw_server

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
ZEROS = bytes(10 * 1024 * 1024)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def packed(body: bytes, coding: str) -> bytes:
    return reply(body, f"Content-Encoding: {coding}")


async def answer(*steps: bytes, size: int = SMALL, seconds: float = 5, hold: bool = False) -> Fetched | EgressError:
    """What becomes of a fetch that is answered with these bytes, after which the server ends the connection, or holds it."""
    script: Script = [Request(), *map(Reply, steps), Hold() if hold else End()]
    async with raw_server(script) as server:
        got = await fetch(Egress(allow=PUBLIC), f"http://127.0.0.1:{server.port}/", size=size, seconds=seconds)
        assert len(server.connections) == 1
        if hold:
            await server.connections[0].closed.wait()  # no fetch leaves its connection behind
        return got


@pytest.mark.parametrize(
    ("steps", "body"),
    [
        ([reply(b"x" * SMALL)], b"x" * SMALL),
        ([reply(b"")], b""),
        ([CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"], b"hello"),
        ([HEAD + b"\r\nto the end"], b"to the end"),
        ([packed(gzip.compress(b"hello"), "gzip")], b"hello"),
        ([packed(gzip.compress(b"hel") + gzip.compress(b"lo"), "x-gzip")], b"hello"),
        ([packed(zlib.compress(b"hello"), "deflate")], b"hello"),
        ([packed(raw_deflate(b"hello"), "Deflate")], b"hello"),
        ([packed(b"hello", "identity")], b"hello"),
        ([b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", reply(b"hello")], b"hello"),
        # More than the length says belongs to nobody.
        ([reply(b"hello") + b"HTTP/1.1 200 OK\r\n\r\nsmuggled"], b"hello"),
    ],
)
async def test_it_is_read(steps: list[bytes], body: bytes) -> None:
    got = await answer(*steps)
    assert isinstance(got, Fetched)
    assert got.body == body


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        # Too large, by what it says and by what it is
        ([HEAD + b"Content-Length: 65537\r\n\r\n"], "too_large"),
        ([HEAD + b"Content-Length: 9999999999999999\r\n\r\n"], "too_large"),
        ([HEAD + b"\r\n" + b"x" * 65537], "too_large"),
        ([CHUNKED + b"10001\r\n" + b"x" * 65537], "too_large"),
        # Packed tight
        ([packed(gzip.compress(ZEROS), "gzip")], "too_large"),
        ([packed(zlib.compress(ZEROS), "deflate")], "too_large"),
        ([packed(raw_deflate(ZEROS), "deflate")], "too_large"),
        ([packed(b"".join([gzip.compress(bytes(40_000))] * 2), "gzip")], "too_large"),
        # Much that comes to nothing: empty members, empty blocks
        ([HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"") * 4000], "too_large"),
        ([HEAD + b"Content-Encoding: deflate\r\n\r\n" + b"\x00\x00\x00\xff\xff" * 20_000], "too_large"),
        # In codings that were not asked for, or in none that it says
        ([packed(gzip.compress(gzip.compress(ZEROS)), "gzip, gzip")], "unsupported"),
        ([packed(b"hello", "br")], "unsupported"),
        ([packed(b"hello", "zstd")], "unsupported"),
        ([packed(b"hello", "gzip")], "unsupported"),
        ([reply(gzip.compress(b"x"), "Content-Encoding: gzip", "Content-Encoding: br")], "unsupported"),
        ([packed(gzip.compress(b"hello" * 99)[:-9], "gzip")], "unavailable"),
        # Lengths that lie
        ([HEAD + b"Content-Length: 10\r\n\r\nhello"], "unavailable"),
        ([HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"], "unavailable"),
        ([HEAD + b"Content-Length: -1\r\n\r\nhello"], "unavailable"),
        ([HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"], "unavailable"),
        ([CHUNKED + b"5\r\nhello\r\n"], "unavailable"),
        ([CHUNKED + b"zz\r\nhello\r\n"], "unavailable"),
        ([HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"], "unavailable"),
        # No HTTP
        ([b""], "unavailable"),
        ([b"SSH-2.0-OpenSSH_9.9\r\n"], "unavailable"),
        ([b"HTTP/0.9 200 OK\r\n\r\n"], "unsupported"),
        ([b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"], "unavailable"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n" * 4000], "unavailable"),
        ([b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 70_000], "unavailable"),
        ([b"HTTP/1.1 999 Odd\r\n\r\n"], "unavailable"),
        # No page
        ([reply(status="404 Not Found")], "not_found"),
        ([reply(status="410 Gone")], "not_found"),
        ([reply(status="401 Unauthorized")], "refused"),
        ([reply(status="403 Forbidden")], "refused"),
        ([reply(status="206 Partial Content")], "unavailable"),
        ([reply(status="304 Not Modified")], "unavailable"),
        ([reply(status="429 Too Many Requests")], "unavailable"),
        ([reply(status="500 Oops")], "unavailable"),
        ([reply(status="302 Found")], "unavailable"),
        ([redirect("").replace(b"Location: ", b"Location:")], "refused"),
        # Of another kind
        ([reply(kind="image/png")], "unsupported"),
        ([reply(kind="application/octet-stream")], "unsupported"),
        ([reply(kind="text")], "unsupported"),
        ([reply(kind="nonsense; text/html")], "unsupported"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"], "unsupported"),
        ([reply(b"x", "Content-Type: text/html", kind="image/png")], "unsupported"),
    ],
)
async def test_it_is_refused(steps: list[bytes], code: str) -> None:
    if b"Location:\r\n" in steps[0]:
        # An empty one is the page itself, again and again.
        script: Script = [Request(), *map(Reply, steps)]
        async with raw_server(*[script] * 6) as server:
            got = await fetch(Egress(allow=PUBLIC), f"http://127.0.0.1:{server.port}/")
    else:
        got = await answer(*steps)
    assert isinstance(got, EgressError)
    assert got.code == code


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [b"HTTP/1.1 200 OK\r\n"],
        [HEAD + b"Content-Length: 10\r\n\r\nhello"],
        [CHUNKED],
        [HEAD + b"\r\nnever ends"],
        [HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"hello")[:12]],
    ],
    ids=["nothing", "half a head", "half a body", "no chunk", "no end", "half a member"],
)
async def test_silence_ends_with_the_time(steps: list[bytes]) -> None:
    got = await answer(*steps, seconds=0.1, hold=True)
    assert isinstance(got, EgressError)
    assert got.code == "timeout"


@pytest.mark.parametrize("endless", [b"x" * 4096, b"x"], ids=["fast", "a byte at a time"])
@pytest.mark.parametrize("head", [HEAD + b"\r\n", b"HTTP/1.1 200 OK\r\nX: "], ids=["body", "head"])
async def test_what_never_ends_is_cut_off(head: bytes, endless: bytes) -> None:
    sent = 0

    async def pour(stream: trio.SocketStream) -> None:
        nonlocal sent
        with stream.socket:
            await stream.receive_some(65536)
            await stream.send_all(head)
            try:
                while True:
                    await stream.send_all(endless)
                    sent += len(endless)
            except trio.BrokenResourceError:
                pass

    async with trio.open_nursery() as nursery:
        listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
        nursery.start_soon(trio.serve_listeners, pour, [listener])
        url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}/"
        got = await fetch(Egress(allow=PUBLIC), url, seconds=0.3)
        nursery.cancel_scope.cancel()
    assert isinstance(got, EgressError)
    assert got.code in ("too_large", "unavailable", "timeout")
    assert sent < 50 * 1024 * 1024


async def test_a_connection_that_is_reset_is_an_error() -> None:
    async with raw_server([Request(), Reply(HEAD + b"Content-Length: 9\r\n\r\nhel"), Reset()]) as server:
        got = await fetch(Egress(allow=PUBLIC), f"http://127.0.0.1:{server.port}/")
        assert isinstance(got, EgressError)
        assert got.code == "unavailable"


async def test_nobody_listens() -> None:
    async with raw_server() as server:
        port = server.port
    got = await fetch(Egress(allow=PUBLIC), f"http://127.0.0.1:{port}/")
    assert isinstance(got, EgressError)
    assert (got.code, got.message) == ("unavailable", "no connection to the server could be made")


async def test_a_lookup_that_takes_for_ever_ends_with_the_time() -> None:
    async def resolve(name: str) -> list[str]:
        await trio.sleep_forever()
        return []

    got = await fetch(Egress(resolve=resolve), "http://slow.test/", seconds=0.05)
    assert isinstance(got, EgressError)
    assert got.code == "timeout"


async def test_a_bomb_is_not_decoded_to_its_end() -> None:
    """20 MB in 20 kB: the fetch is over long before."""
    bomb = gzip.compress(bytes(20 * 1024 * 1024), 9)
    began = trio.current_time()
    got = await answer(packed(bomb, "gzip"), size=len(bomb) + 1)
    assert isinstance(got, EgressError)
    assert got.code == "too_large"
    assert trio.current_time() - began < 1


async def test_the_kind_is_judged_before_the_body_is_read() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 1000\r\n\r\n"
    got = await answer(head, hold=True)
    assert isinstance(got, EgressError)
    assert (got.code, got.message) == ("unsupported", "this is video/mp4, which is not read here")


@pytest.mark.parametrize(
    ("kind", "media_type", "charset"),
    [
        ("text/HTML; Charset=UTF-8", "text/html", "utf-8"),
        ('text/html;charset="iso-8859-1"', "text/html", "iso-8859-1"),
        ("text/html; boundary=x; charset = koi8-r ; y", "text/html", "koi8-r"),
        ("text/html; charset=", "text/html", None),
        ("text/html; charset=\x00\x01", "text/html", None),
    ],
)
async def test_what_a_server_says_of_itself(kind: str, media_type: str, charset: str | None) -> None:
    got = await answer(reply(kind=kind))
    if "\x00" in kind:
        assert isinstance(got, EgressError)
    else:
        assert isinstance(got, Fetched)
        assert (got.media_type, got.charset) == (media_type, charset)
