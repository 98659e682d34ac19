"""URLs have one reading, or none."""

from __future__ import annotations

from ipaddress import ip_address

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.providers.egress import EgressError
from hyperinfer.providers.egress.urls import LONGEST, parse, redirected

GOOD = {
    "http://example.com": "http://example.com/",
    "HTTP://EXAMPLE.com/A": "http://example.com/A",
    "https://example.com:443/x": "https://example.com/x",
    "http://example.com:443/x": "http://example.com:443/x",
    "https://example.com:8443/x?q=1#part": "https://example.com:8443/x?q=1",
    "https://example.com?q=a b".replace(" ", "%20"): "https://example.com/?q=a%20b",
    "  https://example.com/\n": "https://example.com/",
    "https://example.com./x": "https://example.com/x",
    "https://bücher.example/ü?ß=1": "https://xn--bcher-kva.example/%C3%BC?%C3%9F=1",
    "https://xn--bcher-kva.example/": "https://xn--bcher-kva.example/",
    "https://1.1.1.1/": "https://1.1.1.1/",
    "https://[2606:4700:4700:0::1111]:8443/": "https://[2606:4700:4700::1111]:8443/",
    "https://example.com/%zz?a=[1]": "https://example.com/%zz?a=[1]",
    # Steps are taken here, so that a path is judged by where it leads.
    "https://example.com/blog/../secret": "https://example.com/secret",
    "https://example.com/blog/%2e%2E/secret": "https://example.com/secret",
    "https://example.com/a/./b/.%2e/..": "https://example.com/",
    "https://example.com/../../x/.": "https://example.com/x/",
    "https://example.com/a//b/...?../x": "https://example.com/a//b/...?../x",
    'https://example.com/<a>"|': "https://example.com/%3Ca%3E%22%7C",
    "https://my_host.example.com/": "https://my_host.example.com/",
    # The part before the @ is a path here, and no user.
    "https://example.com/@user": "https://example.com/@user",
    "https://example.com?@evil.example/": "https://example.com/?@evil.example/",
}

BAD = {
    # Other schemes
    "file:///etc/passwd": "refused",
    "gopher://example.com:70/_x": "refused",
    "ftp://example.com/x": "refused",
    "data:text/html,hello": "refused",
    "javascript:alert(1)": "refused",
    "jar:http://example.com!/x": "refused",
    "dict://example.com:11211/stats": "refused",
    "ws://example.com/": "refused",
    # Not complete
    "": "bad_url",
    "example.com": "bad_url",
    "//example.com/x": "bad_url",
    "/etc/passwd": "bad_url",
    "http:": "bad_url",
    "http:example.com": "bad_url",
    "http:/example.com": "bad_url",
    "http://": "bad_url",
    "http:///example.com": "bad_url",
    "http://:80/": "bad_url",
    "http://?x": "bad_url",
    # Users
    "http://user@example.com/": "refused",
    "http://user:password@example.com/": "refused",
    "http://example.com:80@127.0.0.1/": "refused",
    "http://@127.0.0.1/": "refused",
    "http://a@b@example.com/": "refused",
    # Characters that readers read differently
    "http://example.com\\@127.0.0.1/": "bad_url",
    "http:\\\\example.com/": "bad_url",
    "http://exa mple.com/": "bad_url",
    "http://exam\tple.com/": "bad_url",
    "http://example.com/\r\nHost: evil": "bad_url",
    "http://example.com/\x00": "bad_url",
    "http://example.com/\x7f": "bad_url",
    "http://example.com/\u00a0": "bad_url",
    "http://example.com/\ud800": "bad_url",
    "http://\ud800.com/": "bad_url",
    # IPv4 in other spellings
    "http://0x7f.1/": "bad_url",
    "http://0x7f000001/": "bad_url",
    "http://0X7F.0.0.1/": "bad_url",
    "http://2130706433/": "bad_url",
    "http://017700000001/": "bad_url",
    "http://0177.0.0.1/": "bad_url",
    "http://127.1/": "bad_url",
    "http://127.0.1/": "bad_url",
    "http://127.0.0.01/": "bad_url",
    "http://127.0.0.1.5/": "bad_url",
    "http://127.0.0.256/": "bad_url",
    "http://example.0x7f/": "bad_url",
    "http://0x/": "bad_url",
    "http://%31%32%37.0.0.1/": "bad_url",
    "http://127%2e0.0.1/": "bad_url",
    # IPv6
    "http://[::1/": "bad_url",
    "http://::1/": "bad_url",
    "http://[::1]x/": "bad_url",
    "http://[1::2::3]/": "bad_url",
    "http://[v1.x]/": "bad_url",
    "http://[127.0.0.1]/": "bad_url",
    "http://[fe80::1%25eth0]/": "refused",
    "http://[fe80::1%eth0]/": "refused",
    "http://[]/": "bad_url",
    # Names
    "http://exa$mple.com/": "bad_url",
    "http://example..com/": "bad_url",
    "http://example.com../": "bad_url",
    "http://.example.com/": "bad_url",
    "http://-example.com/": "bad_url",
    "http://example.com,evil.example/": "bad_url",
    f"http://{'a' * 64}.com/": "bad_url",
    f"http://{'a.' * 127}com/": "bad_url",
    "http://\u200b.example/": "bad_url",
    "http://exam\u2024ple\u2100.com/": "bad_url",
    "http://metadata.google.internal/computeMetadata/v1/": "refused",
    "http://METADATA.google.internal./": "refused",
    "http://metadata/": "refused",
    "http://\uff4detadata.google.internal/": "refused",
    # Ports
    "http://example.com:/": "bad_url",
    "http://example.com:0/": "bad_url",
    "http://example.com:65536/": "bad_url",
    "http://example.com:-80/": "bad_url",
    "http://example.com:\uff18\uff10/": "bad_url",
    "http://example.com:80:90/": "bad_url",
    "http://example.com:22/": "refused",
    "http://example.com:25/": "refused",
    "http://example.com:6379/": "refused",
    "http://example.com:11211/": "refused",
    "http://example.com:2375/": "refused",
    "http://example.com/" + "a" * LONGEST: "bad_url",
}


@pytest.mark.parametrize(("url", "read"), GOOD.items(), ids=map(ascii, GOOD))
def test_it_is_read(url: str, read: str) -> None:
    assert parse(url).url == read
    assert parse(parse(url).url) == parse(url)


@pytest.mark.parametrize(("url", "code"), BAD.items(), ids=lambda text: ascii(text)[:60])
def test_it_is_not_read(url: str, code: str) -> None:
    with pytest.raises(EgressError) as caught:
        parse(url)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1/", "127.0.0.1"),
        ("http://127.0.0.1./", "127.0.0.1"),
        # What Unicode makes the same as digits and dots is them, before anything is decided by them.
        ("http://\uff11\uff12\uff17.0.0.1/", "127.0.0.1"),
        ("http://127。0。0。1/", "127.0.0.1"),
        ("http://①②⑦.0.0.1/", "127.0.0.1"),
        ("http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1"),
        ("http://[0:0:0:0:0:0:0:1]/", "::1"),
    ],
)
def test_an_address_is_seen_as_one(url: str, address: str) -> None:
    assert parse(url).address == ip_address(address)


@pytest.mark.parametrize(
    ("location", "read"),
    [
        ("/next", "https://example.com/next"),
        ("next?x=1", "https://example.com/a/next?x=1"),
        ("../up", "https://example.com/up"),
        ("?only", "https://example.com/a/b?only"),
        ("//other.example/x", "https://other.example/x"),
        ("https://other.example:8443", "https://other.example:8443/"),
        (" https://other.example/ ", "https://other.example/"),
        ("/ü", "https://example.com/%C3%BC"),
        ("", "https://example.com/a/b"),
    ],
)
def test_where_a_redirect_leads(location: str, read: str) -> None:
    assert redirected(parse("https://example.com/a/b"), location).url == read


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://example.com/", "refused"),
        ("file:///etc/passwd", "refused"),
        ("gopher://example.com/", "refused"),
        ("data:text/plain,x", "refused"),
        ("//user@example.com/", "refused"),
        ("https://exa\tmple.com/", "bad_url"),
        ("/\\evil.example", "bad_url"),
        ("\\\\evil.example", "bad_url"),
        ("https://[::1", "bad_url"),
        ("https://0x7f.1/", "bad_url"),
        ("/" + "a" * LONGEST, "bad_url"),
    ],
)
def test_where_no_redirect_leads(location: str, code: str) -> None:
    with pytest.raises(EgressError) as caught:
        redirected(parse("https://example.com/a/b"), location)
    assert caught.value.code == code


def test_a_redirect_from_http_may_go_to_either() -> None:
    base = parse("http://example.com/")
    assert redirected(base, "https://example.com/").scheme == "https"
    assert redirected(base, "//example.com/x").scheme == "http"


# fmt: off
_PIECES = st.sampled_from([
    "http", "https", "file", ":", "/", "//", "\\", "@", "?", "#", "[", "]", "%", "%2e", "..", ".", "0x7f", "127", "::1",
    ":80", "example.com", "xn--", "\uff11", "\u3002", "\u2024", "\u00df", "\u200d", "\t", "\n", " ", "\0", "\ud800", "-",
    "_", "a",
])
# fmt: on


@given(st.one_of(st.text(), st.lists(_PIECES, max_size=12).map("".join), st.lists(_PIECES).map("http://e{}".format)))
def test_whatever_it_is_it_has_one_reading_or_none(url: str) -> None:
    try:
        target = parse(url)
    except EgressError:
        return
    assert parse(target.url) == target
    assert target.url.isascii()
    assert target.url.isprintable()
    assert " " not in target.url
    assert httpx2.URL(target.url).host.strip("[]") == target.host, "and another reader reads the same"


@given(st.lists(_PIECES, max_size=12).map("".join))
def test_wherever_a_redirect_leads_it_is_read_as_strictly(location: str) -> None:
    try:
        target = redirected(parse("https://example.com/a/b"), location)
    except EgressError:
        return
    assert target.scheme == "https"
    assert parse(target.url) == target
