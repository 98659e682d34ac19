"""What the environment's proxy variables mean, and that no word of theirs is printed."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from hyperinfer.providers.proxies import Proxies, ProxySettingError


def chosen(environ: dict[str, str], url: str) -> str | None:
    parts = urlsplit(url)
    assert parts.hostname
    proxy = Proxies.of(environ).to(parts.scheme, parts.hostname, parts.port)
    return None if proxy is None else proxy.reveal()


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        ({}, "https://a.example", None),
        ({"HTTPS_PROXY": "http://p:3128"}, "https://a.example", "http://p:3128"),
        ({"HTTPS_PROXY": "http://p:3128"}, "http://a.example", None),
        ({"HTTP_PROXY": "http://p:3128"}, "http://a.example", "http://p:3128"),
        ({"https_proxy": "http://low", "HTTPS_PROXY": "http://up"}, "https://a.example", "http://low"),
        ({"https_proxy": "", "HTTPS_PROXY": "http://up"}, "https://a.example", None),
        ({"ALL_PROXY": "http://all", "HTTPS_PROXY": "http://up"}, "https://a.example", "http://up"),
        ({"ALL_PROXY": "http://all", "HTTPS_PROXY": "http://up"}, "http://a.example", "http://all"),
        ({"ALL_PROXY": "http://all", "HTTPS_PROXY": ""}, "https://a.example", None),
        ({"HTTPS_PROXY": "p:3128"}, "https://a.example", "http://p:3128"),
        ({"HTTPS_PROXY": " https://me:word@p "}, "https://a.example", "https://me:word@p"),
        ({"ALL_PROXY": "http://all"}, "http://localhost:8000", None),
        ({"ALL_PROXY": "http://all"}, "http://127.8.0.1", None),
        ({"ALL_PROXY": "http://all"}, "http://[::1]:80", None),
        ({"ALL_PROXY": "http://all"}, "http://10.0.0.7:8000", "http://all"),
    ],
)
def test_the_variable_that_counts(environ: dict[str, str], url: str, proxy: str | None) -> None:
    assert chosen(environ, url) == proxy


@pytest.mark.parametrize(
    ("listed", "url", "direct"),
    [
        ("*", "https://a.example", True),
        ("example", "https://a.example", True),
        (".a.example", "https://a.example", True),
        ("*.example", "https://a.example", True),
        ("A.Example", "https://a.EXAMPLE", True),
        ("a.example", "https://ba.example", False),
        ("b.example, ,a.example", "https://x.a.example", True),
        ("a.example:443", "https://a.example", True),
        ("a.example:8443", "https://a.example", False),
        ("a.example:8443", "https://a.example:8443", True),
        ("10.0.0.0/8", "https://10.1.2.3", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("10.0.0.0/8", "https://a.example", False),
        ("10.1.2.3", "https://10.1.2.3", True),
        ("fd00::/8", "https://[fd00::7]:8000", True),
        ("fd00::7", "https://[fd00::7]", True),
        ("[fd00::7]:8000", "https://[fd00::7]:8000", True),
        ("[fd00::7]:8000", "https://[fd00::7]:9000", False),
        ("not/a/network", "https://a.example", False),
    ],
)
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_what_needs_none(name: str, listed: str, url: str, direct: bool) -> None:
    assert (chosen({"ALL_PROXY": "http://all", name: listed}, url) is None) is direct


@pytest.mark.parametrize("value", ["ftp://hush@p", "http://", "http://hush:word@p:many", "http://[hush", "socks4://hush@p"])
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "http_proxy", "ALL_PROXY"])
def test_no_proxy_at_all(name: str, value: str) -> None:
    with pytest.raises(ProxySettingError, match=name) as refused:
        Proxies.of({name: value})
    assert "hush" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_nothing_shows_the_password() -> None:
    assert "hush" not in repr(Proxies.of({"HTTPS_PROXY": "http://me:hush@p"}))
