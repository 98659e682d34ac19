"""Providers that refuse, lie, are silent or are not there: each is a real server, or a real absence of one."""

from __future__ import annotations

import socket
import time
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.api.doctor.kit import Said, server, states, told
from tests.support.tls import tls_contexts

if TYPE_CHECKING:
    from tests.api.cli.kit import Cli

SECRET = "sk-this-must-not-be-seen-anywhere"
HTML = Said(200, "<!doctype html><title>Sign in to this network</title>", {"content-type": "text/html"})
MODELS = Said(200, '{"data": [{"id": "there-2026-01-01"}, {"id": "other"}]}')


def catalogue(folder: Path, providers: dict[str, str], auth: str = "") -> Path:
    """A file with these providers, each with the key of the variable KEY and one model."""
    lines = ["providers:"]
    for name, url in providers.items():
        lines += [f"  {name}:", "    protocol: openai_chat", f"    base_url: {url}", "    api_key: ${KEY}"]
        lines += [f"    auth: {auth}"] if auth else []
    lines += ["creators:", "  c: {name: C}", "models:"]
    for name in providers:
        lines += [f"  - {{slug: c/{name}, name: N, context_length: 8, max_output_tokens: 4, creator: c,"]
        lines += [
            "     pricing: {prompt: 0, completion: 0}, source: here, routes: [{provider: " + name + ", model: there}]}"
        ]
    file = folder / "providers.yaml"
    file.write_text("\n".join(lines).replace(" creator: c,", ""))
    return file


def silent() -> socket.socket:
    """Takes connections and says nothing."""
    listening = socket.create_server(("127.0.0.1", 0))
    return listening


def test_every_kind_of_trouble_has_its_own_words_and_its_own_remedy(cli: Cli, tmp_path: Path) -> None:
    quiet, future = silent(), {"date": formatdate(time.time() + 3600, usegmt=True)}
    echo = Said(401, f'{{"error": {{"message": "Incorrect API key provided: {SECRET}"}}}}')
    answers = {
        "/wrong/models": echo,
        "/wrong400/models": Said(400, '{"error": {"message": "API key not valid. Please pass a valid API key."}}'),
        "/limit/models": Said(429, '{"error": {"message": "You exceeded your current quota"}}'),
        "/broke/models": Said(402, '{"error": {"message": "Insufficient balance"}}'),
        "/down/models": Said(503, '{"error": {"message": "overloaded"}}'),
        "/page/models": HTML,
        "/lost/models": Said(302, "", {"location": "http://[", "date": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"}),
        "/moved/models": Said(302, "", {"location": "https://login.example.org/"}),
        "/nolist/models": Said(404, "{}"),
        "/future/models": Said(200, '{"data": []}', future),
        "/open/models": MODELS,
    }
    try:
        with server(answers) as upstream:
            names = [path.split("/")[1] for path in answers]
            urls = {name: f"{upstream.url}/{name}" for name in names}
            urls |= {"silent": f"http://127.0.0.1:{quiet.getsockname()[1]}", "nobody": "http://127.0.0.1:1"}
            urls |= {"noname": "http://no-such-host.invalid/v1", "nottls": upstream.url.replace("http:", "https:")}
            file = catalogue(tmp_path, urls)
            ran = cli(f"doctor --port 0 --json --patience 2 --config {file}", environ={"KEY": SECRET})
    finally:
        quiet.close()
    assert ran.code == 1
    assert SECRET not in ran.out + ran.err
    found = told(ran, "providers")
    assert {name: each["state"] for name, each in found.items() if each["state"] not in ("ok", "note")} == {
        "wrong": "problem", "wrong400": "problem", "limit": "warning", "broke": "problem", "down": "warning",
        "page": "problem", "lost": "problem", "moved": "problem", "future clock": "problem",
        "silent": "problem", "nobody": "problem", "noname": "problem", "nottls": "problem",
    }  # fmt: skip
    assert "does not take the key (401" in found["wrong"]["what"]
    assert "look at KEY" in found["wrong"]["fix"]  # the variable's name, never what is in it
    assert found["nolist"]["state"] == "note"
    assert "a web page answered" in found["page"]["what"]
    assert "login.example.org" in found["moved"]["what"]
    assert "ahead of this machine's" in found["future clock"]["what"]
    assert found["open"]["facts"]["key"] == "unproven"
    assert {name: found[name]["facts"]["kind"] for name in ("silent", "nobody", "noname", "nottls")} == {
        "silent": "timeout", "nobody": "refused", "noname": "name", "nottls": "tls",
    }  # fmt: skip
    assert all(each["fix"] for each in found.values() if each["state"] in ("warning", "problem"))


def test_what_people_read_has_a_line_for_each_and_what_to_do_below(cli: Cli, tmp_path: Path) -> None:
    with server({"*": Said(401, "{}")}) as upstream:
        file = catalogue(tmp_path, {"mine": f"{upstream.url}/v1"})
        shown = cli(f"doctor --port 0 --config {file}", environ={"KEY": SECRET})
    assert shown.code == 1
    lines = shown.out.splitlines()
    assert lines[0].split() == ["CHECK", "STATE", "WHAT", "WAS", "FOUND"]
    (line,) = [line for line in lines if line.startswith("providers: mine ")]
    assert "PROBLEM" in line
    assert lines[lines.index("To do:") + 1].startswith("- providers, mine: look at KEY: ")
    assert lines[-1] == "1 problem"


def test_a_key_is_sent_as_the_provider_wants_it_and_nothing_is_asked_that_costs(cli: Cli, tmp_path: Path) -> None:
    class Locked(dict[str, Said]):
        """Only whoever has the key is let in."""

    with server(Locked({"*": MODELS})) as upstream:
        file = catalogue(tmp_path, {"mine": f"{upstream.url}/v1"}, "header:X-Mine")
        ran = cli(f"doctor --port 0 --json --config {file}", environ={"KEY": SECRET})
        assert ran.code == 0
        assert [path for path, _ in upstream.requests] == ["/v1/models", "/v1/models"]
        assert [headers.get("x-mine") for _, headers in upstream.requests] == [SECRET, None]
        found = told(ran, "providers")["mine"]
        assert found["facts"]["models"] == 2
        assert "not_listed" not in found["facts"]  # `there` is listed by a longer name
        upstream.requests.clear()
        assert cli(f"doctor --port 0 --json --offline --config {file}", environ={"KEY": SECRET}).code == 0
        assert upstream.requests == []


@pytest.mark.parametrize("key", [f'"{SECRET}"', f"{SECRET} {SECRET}", f"Bearer {SECRET}"])
def test_a_key_that_is_none_is_not_even_sent(cli: Cli, tmp_path: Path, key: str) -> None:
    with server({"*": MODELS}) as upstream:
        file = catalogue(tmp_path, {"mine": f"{upstream.url}/v1"})
        ran = cli(f"doctor --port 0 --json --config {file}", environ={"KEY": key})
        assert upstream.requests == []
    assert states(ran, "providers") == {"mine": "problem"}
    assert "export KEY=" in told(ran, "providers")["mine"]["fix"]
    assert SECRET not in ran.out


def test_a_proxy_that_refuses_or_is_not_there(cli: Cli, tmp_path: Path) -> None:
    file = catalogue(tmp_path, {"mine": "https://provider.invalid/v1", "plain": "http://provider.invalid/v1"})
    with server({"*": Said(407, "{}")}) as proxy:
        address = proxy.url.replace("//", "//me:hush@")
        environ = {"KEY": SECRET, "HTTPS_PROXY": address, "HTTP_PROXY": address}
        ran = cli(f"doctor --port 0 --json --config {file}", environ=environ)
        assert [path for path, _ in proxy.requests if "443" in path] == ["provider.invalid:443"]
    found = told(ran, "providers")
    assert found["mine"]["facts"]["kind"] == "proxy"
    assert "HTTPS_PROXY" in found["mine"]["fix"]
    assert found["plain"]["state"] == "problem"
    assert "hush" not in ran.out
    assert told(ran, "way out")["proxy"]["state"] == "ok"
    gone = cli(f"doctor --port 0 --json --config {file}", environ={"KEY": SECRET, "HTTPS_PROXY": "http://127.0.0.1:1"})
    assert told(gone, "providers")["mine"]["facts"]["kind"] == "proxy"
    none = cli(f"doctor --port 0 --json --config {file}", environ={"KEY": SECRET, "HTTPS_PROXY": "ftp://x"})
    assert states(none, "way out")["proxy"] == "problem"


def test_a_certificate_that_nobody_trusts(cli: Cli, tmp_path: Path) -> None:
    serving, _ = tls_contexts(tmp_path)
    with server({"*": MODELS}, serving) as upstream:
        file = catalogue(tmp_path, {"mine": f"{upstream.url}/v1"})
        ran = cli(f"doctor --port 0 --json --config {file}", environ={"KEY": SECRET})
    found = told(ran, "providers")["mine"]
    assert found["facts"]["kind"] == "tls"
    assert "is not trusted" in found["what"]
    assert "SSL_CERT_FILE" in found["fix"]
