"""Images, files and audio, by bytes, URL and id, from each format to each: what arrives, what is lost, what is refused."""

from __future__ import annotations

import base64
import json
from typing import Any, cast

import pytest

from hyperinfer.formats import FORMATS, Dialect, RequestError, Target
from hyperinfer.formats.conversation import Base64Source, UrlSource
from hyperinfer.formats.media import bytes_in_url, media_type_of, source_of_url, text_of, url_of_source
from hyperinfer.formats.quirks import Quirks
from tests.support.recordings import DIALECTS

CHAT, RESPONSES, MESSAGES = DIALECTS
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"0" * 8).decode()
PDF = base64.b64encode(b"%PDF-1.7 x").decode()
TEXT = base64.b64encode("täxt".encode()).decode()
URL = "https://example.org/a.pdf"
IMAGE_URL = "https://example.org/a.png"
Part = dict[str, Any]


def chat_file(**file: str) -> Part:
    return {"type": "file", "file": file}


def source(kind: str, part: str = "document", **fields: str) -> Part:
    return {"type": part, "source": {"type": kind, **fields}}


SENT: dict[str, dict[Dialect, list[Part]]] = {
    "image": {
        CHAT: [
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
            {"type": "image_url", "image_url": {"url": f"data:image/PNG;name=a.png;base64,{PNG}"}},
        ],
        RESPONSES: [
            {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
            {"type": "input_image", "image_url": f"DATA:image/png;charset=x;base64,{PNG}"},
        ],
        MESSAGES: [source("base64", "image", media_type="image/png", data=PNG)],
    },
    "image in a file": {
        CHAT: [chat_file(file_data=f"data:image/png;base64,{PNG}", filename="a.png")],
        RESPONSES: [{"type": "input_file", "file_data": f"data:image/png;base64,{PNG}", "filename": "a.png"}],
        MESSAGES: [],
    },
    "image by url": {
        CHAT: [{"type": "image_url", "image_url": {"url": IMAGE_URL}}],
        RESPONSES: [{"type": "input_image", "image_url": IMAGE_URL}],
        MESSAGES: [source("url", "image", url=IMAGE_URL)],
    },
    "pdf": {
        CHAT: [chat_file(file_data=f"data:application/pdf;base64,{PDF}", filename="n"), chat_file(file_data=PDF)],
        RESPONSES: [
            {"type": "input_file", "file_data": f"data:application/pdf;base64,{PDF}", "filename": "n"},
            {"type": "input_file", "file_data": PDF},
        ],
        MESSAGES: [source("base64", media_type="application/pdf", data=PDF)],
    },
    "text": {
        CHAT: [chat_file(file_data=f"data:text/plain;base64,{TEXT}"), chat_file(file_data="data:text/plain,t%C3%A4xt")],
        RESPONSES: [{"type": "input_file", "file_data": f"data:text/csv;base64,{TEXT}"}],
        MESSAGES: [
            source("text", media_type="text/plain", data="täxt"),
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "täxt"}]}},
        ],
    },
    "file by url": {
        CHAT: [chat_file(file_data=URL), chat_file(file_url=URL)],
        RESPONSES: [{"type": "input_file", "file_url": URL}],
        MESSAGES: [source("url", url=URL)],
    },
    "file by id": {
        CHAT: [chat_file(file_id="file-1")],
        RESPONSES: [{"type": "input_file", "file_id": "file-1"}],
        MESSAGES: [source("file", file_id="file-1")],
    },
    "image by id": {
        CHAT: [],
        RESPONSES: [{"type": "input_image", "file_id": "file-1"}],
        MESSAGES: [source("file", "image", file_id="file-1")],
    },
    "audio": {
        CHAT: [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}],
        RESPONSES: [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}],
        MESSAGES: [],
    },
}
"""What a client sends, by what it means."""

ARRIVES: dict[str, dict[Dialect, str]] = {
    "image": dict.fromkeys(DIALECTS, f"image {PNG}"),
    "image in a file": dict.fromkeys(DIALECTS, f"image {PNG}"),
    "image by url": dict.fromkeys(DIALECTS, f"image {IMAGE_URL}"),
    "pdf": dict.fromkeys(DIALECTS, f"file {PDF}"),
    "text": {CHAT: "text täxt", RESPONSES: "text täxt", MESSAGES: "file täxt"},
    "file by url": {CHAT: f"text [file: {URL}]", RESPONSES: f"file {URL}", MESSAGES: f"file {URL}"},
}
"""What comes of it towards a target of another format; what is not here is refused."""


def said(part: Part) -> str:
    """A part of any format in one word and its content."""
    match part:
        case {"type": "text" | "input_text", "text": text}:
            return f"text {text}"
        case {"type": "image_url", "image_url": {"url": url}} | {"type": "input_image", "image_url": url}:
            return f"image {url.partition('base64,')[2] or url}"
        case {"type": "file", "file": file}:
            return f"file {(file.get('file_data') or file.get('file_id')).partition('base64,')[2] or file}"
        case {"type": "input_file"}:
            data: str = part.get("file_data") or part["file_url"]
            return f"file {data.partition('base64,')[2] or data}"
        case {"type": "image" | "document" as kind, "source": found}:
            return f"{'file' if kind == 'document' else 'image'} {found.get('data') or found.get('url')}"
        case _:
            return str(part)


def encoded(client: Dialect, target: Dialect, part: Part, quirks: Quirks | None = None) -> tuple[Part, list[str]]:
    """(the part as it goes out, the paths of the losses)."""
    turn = {"role": "user", "content": [part, {"type": "input_text" if client == RESPONSES else "text", "text": "look"}]}
    fields = {"input": [turn]} if client == RESPONSES else {"max_tokens": 5, "messages": [turn]}
    conversation = FORMATS[client].decode_request(json.dumps({"model": "m", **fields}).encode())
    aim = Target(
        dialect=target,
        model="up",
        vendor="v",
        streamed=False,
        max_output_tokens=9,
        quirks=quirks or Quirks(),
    )
    result = FORMATS[target].encode_request(conversation, aim)
    body = json.loads(result.body)
    content = body["input" if target == RESPONSES else "messages"][0]["content"]
    found = {"type": "text", "text": content.partition("\n\n")[0]} if isinstance(content, str) else content[0]
    return cast("Part", found), [loss.path for loss in result.losses]


CASES = [
    (meaning, client, target, part)
    for meaning, by_client in SENT.items()
    for client in DIALECTS
    for part in by_client[client]
    for target in DIALECTS
]


@pytest.mark.parametrize(("meaning", "client", "target", "part"), CASES, ids=lambda item: str(item)[:40])
def test_each_part_in_each_direction(meaning: str, client: Dialect, target: Dialect, part: Part) -> None:
    if client == target:
        kept = json.loads(json.dumps(part).replace("image/PNG", "image/png").replace("DATA:", "data:"))
        assert encoded(client, target, part) == (kept, [])
        return
    if meaning == "audio" and (client, target) == (RESPONSES, CHAT):
        assert encoded(client, target, part) == (part, [])
        return
    if meaning not in ARRIVES:
        with pytest.raises(RequestError) as caught:
            encoded(client, target, part)
        assert (caught.value.param or "").endswith(".content[0]")
        return
    found, losses = encoded(client, target, part)
    wanted = ARRIVES[meaning][target]
    if (meaning, target) == ("text", RESPONSES) and client == CHAT:
        wanted = f"file {TEXT}"
    assert said(found) == wanted
    by_url = meaning == "file by url" and target == CHAT
    assert losses == ([f"{'input' if client == RESPONSES else 'messages'}[0].content[0]"] if by_url else [])


@pytest.mark.parametrize("client", [CHAT, RESPONSES])
@pytest.mark.parametrize("target", [CHAT, MESSAGES])
def test_system_turns_are_text_only(client: Dialect, target: Dialect) -> None:
    text = {"type": "input_text" if client == RESPONSES else "text", "text": "Be brief."}
    turns = [{"role": "system", "content": [text, SENT["image"][client][0]]}, {"role": "user", "content": "x"}]
    fields = {"input": turns} if client == RESPONSES else {"messages": turns}
    conversation = FORMATS[client].decode_request(json.dumps({"model": "m", **fields}).encode())
    aim = Target(dialect=target, model="up", vendor="v", streamed=False, max_output_tokens=9)
    result = FORMATS[target].encode_request(conversation, aim)
    body = json.loads(result.body)
    if client == target:
        assert body["messages"] == turns
        return
    assert (body["system"] if target == MESSAGES else body["messages"][0]["content"]) == "Be brief."
    assert [loss.path.rpartition(".")[2] for loss in result.losses] == ["content[1]"]


@pytest.mark.parametrize("client", DIALECTS)
def test_openrouter_takes_urls_of_files(client: Dialect) -> None:
    for part in SENT["file by url"][client]:
        sent, losses = encoded(client, CHAT, part, Quirks(files="file_or_url"))
        assert (sent, losses) == ({"type": "file", "file": {"file_data": URL}}, [])


@pytest.mark.parametrize("client", DIALECTS)
def test_mistral_takes_documents_by_url(client: Dialect) -> None:
    quirks = Quirks(files="document_url")
    for part in SENT["file by url"][client]:
        assert encoded(client, CHAT, part, quirks) == ({"type": "document_url", "document_url": URL}, [])
    sent, losses = encoded(client, CHAT, SENT["pdf"][client][0], quirks)
    assert (sent["document_url"], losses) == (f"data:application/pdf;base64,{PDF}", [])


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("data:image/png;base64,AA==", Base64Source("AA==", "image/png")),
        ("data:image/PNG;name=A;base64,AA==", Base64Source("AA==", "image/png;name=A")),
        ("data:;base64,AA==", Base64Source("AA==", None)),
        ("data:text/plain,a%20b", UrlSource("data:text/plain,a%20b")),
        ("https://x/a", UrlSource("https://x/a")),
    ],
)
def test_data_urls(url: str, found: Any) -> None:
    assert source_of_url(url) == found
    if isinstance(found, Base64Source) and found.media_type:
        assert url_of_source(found, "x/y").lower() == url.lower()


def test_data_urls_without_base64() -> None:
    found = bytes_in_url(UrlSource("data:text/plain;charset=utf-8,t%C3%A4xt"))
    assert found is not None
    assert (found.media_type, text_of(found)) == ("text/plain", "täxt")
    assert bytes_in_url(UrlSource(URL)) is None


@pytest.mark.parametrize(
    ("data", "named", "name", "kind"),
    [
        (PDF, None, None, "application/pdf"),
        (PDF, "image/png", None, "application/pdf"),  # the bytes say it
        (PNG, "application/octet-stream", None, "image/png"),
        (TEXT, "text/plain;charset=utf-8", None, "text/plain"),
        (TEXT, None, "a.md", "text/plain"),
        (TEXT, None, None, None),
    ],
)
def test_what_kind_of_thing_bytes_are(data: str, named: str | None, name: str | None, kind: str | None) -> None:
    assert media_type_of(Base64Source(data, named), name) == kind
