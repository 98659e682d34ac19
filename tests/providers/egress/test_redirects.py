"""Where a fetch goes, hop by hop, over real sockets: names are looked up once, checked, and gone to."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from hyperinfer.providers.egress import Egress, EgressError, Fetched
from tests.providers.egress.world import PUBLIC, Names, fetch, redirect, reply
from tests.support.rawserver import End, Reply, Request, Script, raw_server
from tests.support.tls import tls_contexts

OK: Script = [Request(), Reply(reply())]


def to(location: str, status: str = "302 Found") -> Script:
    return [Request(), Reply(redirect(location, status))]


async def test_a_page_is_fetched() -> None:
    names = Names(site_test=[["127.0.0.1"]])
    async with raw_server(OK) as server:
        fetched = await fetch(Egress(allow=PUBLIC, resolve=names), f"http://site.test:{server.port}/a?b=c#d")
        assert isinstance(fetched, Fetched)
        assert (fetched.body, fetched.media_type, fetched.charset) == (b"hello", "text/html", None)
        assert fetched.url == f"http://site.test:{server.port}/a?b=c"
        head = server.requests[0].decode().removesuffix("\r\n\r\n").split("\r\n")
        assert head[0] == "GET /a?b=c HTTP/1.1"
        assert head[1] == f"Host: site.test:{server.port}"
        assert head[2].startswith("User-Agent: hyperinfer")
        assert {line.split(":")[0] for line in head[1:]} == {
            "Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"
        }  # fmt: skip


async def test_without_the_operators_word_nothing_local_is_reached() -> None:
    async with raw_server() as server:
        for host in ("127.0.0.1", "localhost", "127.0.0.1.", "[::ffff:127.0.0.1]", "\uff11\uff12\uff17.0.0.1"):
            got = await fetch(Egress(), f"http://{host}:{server.port}/")
            assert isinstance(got, EgressError)
            assert got.code == "refused", host
        assert server.unexpected == 0


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.2"],
        ["127.0.0.1", "127.0.0.2"],
        ["127.0.0.2", "127.0.0.1"],
        ["127.0.0.1", "10.0.0.1"],
        ["127.0.0.1", "::ffff:127.0.0.1"],
        ["::1"],
        ["fe80::1%lo"],
        ["169.254.169.254"],
        [],
        ["no address"],
    ],
    ids=str,
)
async def test_a_name_that_leads_inside_is_refused_whole(answers: list[str]) -> None:
    async with raw_server() as server:
        got = await fetch(Egress(allow=PUBLIC, resolve=Names(site_test=[answers])), f"http://site.test:{server.port}/")
        assert isinstance(got, EgressError)
        assert (got.code, got.message) == ("refused", "site.test has no public address")
        assert server.unexpected == 0


async def test_names_inside_look_like_names_that_do_not_exist() -> None:
    names = Names(inside_test=[["10.0.0.1"]])
    inside, nowhere = [await fetch(Egress(resolve=names), f"http://{name}.test/") for name in ("inside", "nowhere")]
    assert isinstance(inside, EgressError)
    assert isinstance(nowhere, EgressError)
    assert inside.code == nowhere.code
    assert inside.message.replace("inside", "nowhere") == nowhere.message


async def test_a_name_that_is_rebound_is_gone_to_where_it_was_checked() -> None:
    names = Names(rebound_test=[["127.0.0.1"], ["127.0.0.2"]])
    async with raw_server(OK) as server:
        got = await fetch(Egress(allow=PUBLIC, resolve=names), f"http://rebound.test:{server.port}/")
        assert isinstance(got, Fetched)
        assert names.asked == ["rebound.test"], "one lookup for the check and the connection"
        assert len(server.connections) == 1


async def test_a_name_that_is_rebound_between_two_hops_is_checked_again() -> None:
    names = Names(rebound_test=[["127.0.0.1"], ["127.0.0.2"]])
    async with raw_server(to("/again"), OK) as server:
        got = await fetch(Egress(allow=PUBLIC, resolve=names), f"http://rebound.test:{server.port}/")
        assert isinstance(got, EgressError)
        assert got.code == "refused"
        assert names.asked == ["rebound.test"] * 2
        assert len(server.connections) == 1


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_followed_with_nothing_in_hand(status: str) -> None:
    names = Names(first_test=[["127.0.0.1"]], second_test=[["127.0.0.1"]])
    async with raw_server(OK) as second, raw_server(to(f"http://second.test:{second.port}/x", status)) as first:
        got = await fetch(Egress(allow=PUBLIC, resolve=names), f"http://first.test:{first.port}/?secret=1")
        assert isinstance(got, Fetched)
        assert got.url == f"http://second.test:{second.port}/x"
        request = second.requests[0].lower()
        assert b"cookie" not in request
        assert b"secret" not in request, "no referrer"
        assert b"authorization" not in request
        assert names.asked == ["first.test", "second.test"]


async def test_cookies_do_not_come_back_to_the_one_who_set_them() -> None:
    async with raw_server(to("/next"), OK) as server:
        got = await fetch(Egress(allow=PUBLIC), f"http://127.0.0.1:{server.port}/")
        assert isinstance(got, Fetched)
        assert b"cookie" not in server.requests[1].lower()
        assert len(server.connections) == 2, "each hop has a connection of its own"


async def test_five_redirects_and_no_sixth() -> None:
    async with raw_server(*[to(f"/{number}") for number in range(5)], OK) as server:
        got = await fetch(Egress(allow=PUBLIC), f"http://127.0.0.1:{server.port}/")
        assert isinstance(got, Fetched)
        assert got.url.endswith("/4")
    async with raw_server(*[to(f"/{number}") for number in range(7)]) as server:
        got = await fetch(Egress(allow=PUBLIC), f"http://127.0.0.1:{server.port}/")
        assert isinstance(got, EgressError)
        assert (got.code, len(server.connections)) == ("refused", 6)


async def test_a_redirect_to_itself_ends() -> None:
    async with raw_server(*[to("/")] * 7) as server:
        got = await fetch(Egress(allow=PUBLIC), f"http://127.0.0.1:{server.port}/")
        assert isinstance(got, EgressError)
        assert len(server.connections) == 6


# What a page out there may point at, to be fetched from in here. `PORT` is that of a server that must not be reached.
ASTRAY = [
    "http://127.0.0.2:PORT/",
    "http://inside.test:PORT/",
    "http://mixed.test:PORT/",
    "http://localhost:PORT/",
    "http://[::1]:PORT/",
    "http://[::ffff:127.0.0.1]:PORT/",
    "http://[::127.0.0.1]:PORT/",
    "http://[64:ff9b::7f00:1]:PORT/",
    "http://[64:ff9b:1::7f00:1]:PORT/",
    "http://[2002:7f00:1::]:PORT/",
    "http://[fe80::1%25lo]:PORT/",
    "http://0:PORT/",
    "http://0.0.0.0:PORT/",
    "http://127.1:PORT/",
    "http://0x7f.1:PORT/",
    "http://2130706434:PORT/",
    "http://0177.0.0.2:PORT/",
    "http://%31%32%37.0.0.2:PORT/",
    "http://127.0.0.1@127.0.0.2:PORT/",
    "http://public.test:PORT@127.0.0.2:PORT/",
    "http://public.test\\@127.0.0.2:PORT/",
    "//127.0.0.2:PORT/",
    "http://169.254.169.254/latest/meta-data/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://100.100.100.200/latest/meta-data/",
    "http://168.63.129.16/machine?comp=goalstate",
    "http://10.0.0.1/",
    "http://192.168.0.1/",
    "http://172.16.0.1/",
    "http://100.64.0.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "file:///etc/passwd",
    "gopher://127.0.0.2:PORT/_x",
    "data:text/html,hello",
    "ftp://127.0.0.2:PORT/",
    "javascript:alert(1)",
    "http://127.0.0.1:22/",
    "http://127.0.0.1:6379/",
]


@pytest.mark.parametrize("location", ASTRAY)
async def test_a_redirect_astray_is_not_followed(location: str) -> None:
    names = Names(
        public_test=[["127.0.0.1"]],
        inside_test=[["127.0.0.2"]],
        mixed_test=[["127.0.0.1", "127.0.0.2"]],
        localhost=[["127.0.0.1", "::1"]],
    )
    async with raw_server(OK) as inside, raw_server(to(location.replace("PORT", str(inside.port)))) as server:
        got = await fetch(Egress(allow=PUBLIC, resolve=names), f"http://public.test:{server.port}/")
        assert isinstance(got, EgressError)
        assert got.code in ("refused", "bad_url")
        assert (len(server.connections), inside.connections, inside.unexpected) == (1, [], 0)
        assert "10.0.0" not in got.message
        assert "127.0.0" not in got.message


async def test_the_last_of_a_chain_of_hosts_leads_inside() -> None:
    names = Names(a_test=[["127.0.0.1"]], b_test=[["127.0.0.1"]], c_test=[["192.168.1.1"]])
    async with raw_server(to("http://c.test/")) as second, raw_server(to(f"http://b.test:{second.port}/")) as first:
        got = await fetch(Egress(allow=PUBLIC, resolve=names), f"http://a.test:{first.port}/")
        assert isinstance(got, EgressError)
        assert (got.code, names.asked) == ("refused", ["a.test", "b.test", "c.test"])
        assert "192.168" in got.detail


async def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    async with raw_server(OK) as server:
        # 127.0.0.3 has nobody at that port.
        names = Names(site_test=[["127.0.0.3", "127.0.0.1"]])
        got = await fetch(
            Egress(allow=[*PUBLIC, ip_network("127.0.0.3/32")], resolve=names), f"http://site.test:{server.port}/"
        )
        assert isinstance(got, Fetched)


async def test_tls_asks_the_checked_address_for_the_name(tmp_path: Path) -> None:
    server_context, client_context = tls_contexts(tmp_path)
    names = Names(localhost=[["127.0.0.1"]], other_test=[["127.0.0.1"]])
    egress = Egress(allow=PUBLIC, resolve=names, ssl_context=client_context)
    async with raw_server(OK, tls=server_context) as server:
        got = await fetch(egress, f"https://localhost:{server.port}/")
        assert isinstance(got, Fetched)
        assert f"Host: localhost:{server.port}".encode() in server.requests[0]
    async with raw_server([], tls=server_context) as server:
        got = await fetch(egress, f"https://other.test:{server.port}/")
        assert isinstance(got, EgressError)
        assert (got.code, "TLS" in got.detail) == ("unavailable", True), "the certificate is for another name"


async def test_from_tls_there_is_no_way_down(tmp_path: Path) -> None:
    server_context, client_context = tls_contexts(tmp_path)
    egress = Egress(allow=PUBLIC, resolve=Names(localhost=[["127.0.0.1"]]), ssl_context=client_context)
    async with raw_server(OK) as plain, raw_server(to(f"http://localhost:{plain.port}/"), tls=server_context) as secure:
        got = await fetch(egress, f"https://localhost:{secure.port}/")
        assert isinstance(got, EgressError)
        assert (got.code, plain.connections) == ("refused", [])


async def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with raw_server() as proxy, raw_server([Request(), Reply(reply()), End()]) as server:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        got = await fetch(Egress(allow=PUBLIC), f"http://127.0.0.1:{server.port}/")
        assert isinstance(got, Fetched)
        assert proxy.unexpected == 0


async def test_a_host_that_the_caller_does_not_want_is_not_asked_on_the_way_either() -> None:
    names = Names(first_test=[["127.0.0.1"]], second_test=[["127.0.0.1"]])
    egress = Egress(allow=PUBLIC, resolve=names)
    async with raw_server() as second, raw_server(to(f"http://second.test:{second.port}/")) as first:
        url = f"http://first.test:{first.port}/"
        with pytest.raises(EgressError, match=r"second\.test is not among"):
            await egress.fetch(url, room=lambda kind: 99, permits=lambda to: to == url)
        assert (names.asked, second.unexpected) == (["first.test"], 0)
