"""Faults of area images: images, files and audio, in what the user says and in what tools give back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.faults import wire as w
from tests.faults.bodies import (
    IMAGES,
    PIXEL,
    PIXEL_URL,
    Called,
    blocks_in,
    images_in,
    items_in,
    results_in,
    round_of_calls,
    text_part,
    texts_in,
)
from tests.faults.kit import ALL, CHAT, MESSAGES, RESPONSES, Case, Seen, fault, reaching, refused, through

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

# F059, F071, F072, F073: what a tool gives back

_CALL = Called("call_1", "view", "{}")


def _gives(client: Dialect, *content: dict[str, Any], also: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A round whose result has this content; `also`: what the user says after it."""
    body = round_of_calls(client, _CALL, results=[("call_1", list(content))])
    history: list[Any] = body["input" if client == RESPONSES else "messages"]
    if also and client == MESSAGES:
        history[-1]["content"] += also
    elif also:
        history.append({"role": "user", "content": also})
    return body


def _seen_by_the_model(upstream: Dialect, images: int, *texts: str) -> Callable[[Any], None]:
    """The images are images, at or right behind the one result; the texts are there; no base64 is given as text."""

    def check(body: Any) -> None:
        assert images_in(body) == images
        said = "\n".join(texts_in(body.get("input") or body.get("messages")))
        assert PIXEL not in said, "base64 as text"
        assert all(text in said for text in texts), said
        ((call_id, content),) = results_in(upstream, body)
        assert call_id == "call_1"
        if upstream == CHAT:
            assert isinstance(content, str), "not every server takes parts from tools"
            roles = [message["role"] for message in body["messages"]]
            assert roles[roles.index("tool") + 1] == "user", roles
        else:
            assert images_in(content) >= 1, "the image is not at its result"

    return check


def _as_text(upstream: Dialect, *texts: str) -> dict[str, Any]:
    """The image is a data URI in the text."""
    return _gives(upstream, *[text_part(upstream, text) for text in (*texts, PIXEL_URL)])


def _dropped(upstream: Dialect, *texts: str) -> dict[str, Any]:
    return _gives(upstream, *[text_part(upstream, text) for text in texts])


def _image_results(clients: tuple[Dialect, ...], *texts: str, also: bool = False) -> list[Case[Any]]:
    return [
        reaching(
            client,
            upstream,
            _seen_by_the_model(upstream, 2 if also else 1, *texts),
            [_as_text(upstream, *texts), _dropped(upstream, *texts)],
            ask=_gives(
                client,
                *[text_part(client, text) for text in texts],
                IMAGES[client],
                also=[IMAGES[client]] if also else None,
            ),
        )
        for client in clients
        for upstream in ALL
        if (client, upstream) != (CHAT, CHAT)
    ]


test_F059_an_image_that_a_function_returns = fault(*_image_results((RESPONSES,)))
test_F071_a_result_that_is_one_image = fault(*_image_results((MESSAGES, CHAT)))
test_F072_a_result_of_text_and_image = fault(*_image_results((MESSAGES, RESPONSES, CHAT), "A cat."))
test_F073_an_image_in_a_result_and_one_of_the_user = fault(*_image_results((MESSAGES, RESPONSES, CHAT), also=True))


# F122: audio where there is none

_AUDIO = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}


def _names_the_part(path: str) -> Callable[[Seen], None]:
    def check(seen: Seen) -> None:
        assert path in refused(seen, 400, "invalid_request", path)
        assert not seen.asked

    return check


def _hears(body: Any) -> None:
    (content,) = [message["content"] for message in body.get("messages") or items_in(body)]
    assert _AUDIO in content


_DEAF: list[tuple[Dialect, Dialect]] = [(CHAT, RESPONSES), (CHAT, MESSAGES), (RESPONSES, MESSAGES)]
_UPSTREAM_REFUSES = json.dumps({"error": {"code": "invalid_request", "message": "messages: empty content"}}).encode()


def _spoken(client: Dialect, *more: dict[str, Any]) -> dict[str, Any]:
    return {"input" if client == RESPONSES else "messages": [{"role": "user", "content": [*more, _AUDIO]}]}


test_F122_audio_is_refused_by_name = fault(
    *[
        through(
            client,
            upstream,
            None,
            _names_the_part(f"{'input' if client == RESPONSES else 'messages'}[0].content[{place}]"),
            [
                Seen(client, False, _UPSTREAM_REFUSES, 400, asked=[b'{"messages": [{"role": "user", "content": []}]}']),
                Seen(client, False, w.chat_whole({"content": "What audio?"}), asked=[b"{}"]),
            ],
            stream=False,
            ask=_spoken(client, *[text_part(client, "Listen:")][:place]),
        )
        for client, upstream in _DEAF
        for place in (0, 1)
    ],
    *[
        reaching(client, client, _hears, [{"messages": [{"role": "user", "content": []}]}], ask=_spoken(client))
        for client in (CHAT, RESPONSES)
    ],
)


# F163, F164: parts of other formats, and files

_DOCUMENT_URL = "https://example.org/a.pdf"


def _one_image(body: Any) -> None:
    assert images_in(body) == 1
    assert "look" in texts_in(body.get("input") or body.get("messages"))


test_F163_an_image_block_of_messages_on_chat = fault(
    *[
        reaching(
            CHAT,
            upstream,
            _one_image,
            [{"messages": [{"role": "user", "content": [text_part(CHAT, "look")]}]}],
            ask={"messages": [{"role": "user", "content": [text_part(CHAT, "look"), IMAGES[MESSAGES]]}]},
        )
        for upstream in ALL
    ],
    through(
        CHAT,
        MESSAGES,
        None,
        lambda seen: refused(seen, 400, "invalid_request", "messages[0].content[0].source"),
        [Seen(CHAT, False, w.chat_whole({"content": "What image?"}))],
        stream=False,
        ask={"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64"}}]}]},
        label="broken",
    ),
)


def _reads_the_url(client: Dialect, upstream: Dialect, field: str) -> Callable[[Any], None]:
    """Chat has no field for the URL of a file: it keeps what a client of its own put there, and else is told the URL."""

    def check(body: Any) -> None:
        if upstream == MESSAGES:
            sources = [document["source"] for document in blocks_in(body, "document")]
            assert sources == [{"type": "url", "url": _DOCUMENT_URL}]
            return
        (content,) = [message["content"] for message in body.get("messages") or items_in(body)]
        if upstream == CHAT != client:
            assert content == f"[file: {_DOCUMENT_URL}]"
            return
        kinds = {CHAT: "file", RESPONSES: "input_file"}
        files = [part.get("file") or part for part in content if part["type"] == kinds[upstream]]
        assert [file.get(field if upstream == CHAT else "file_url") for file in files] == [_DOCUMENT_URL]

    return check


def _file(client: Dialect, field: str) -> dict[str, Any]:
    if client == RESPONSES:
        return {"input": [{"role": "user", "content": [{"type": "input_file", field: _DOCUMENT_URL}]}]}
    if client == CHAT:
        return {"messages": [{"role": "user", "content": [{"type": "file", "file": {field: _DOCUMENT_URL}}]}]}
    source = {"type": "url", "url": _DOCUMENT_URL}
    return {"messages": [{"role": "user", "content": [{"type": "document", "source": source}]}]}


def _only_said(upstream: Dialect) -> dict[str, Any]:
    said = [{"role": "user", "content": [text_part(upstream, "[file]")]}]
    return {"input" if upstream == RESPONSES else "messages": said}


test_F164_a_document_by_its_url = fault(
    *[
        reaching(
            client,
            upstream,
            _reads_the_url(client, upstream, field),
            [_only_said(upstream)],
            ask=_file(client, field),
            label=field,
        )
        for client in ALL
        for upstream in ALL
        for field in (("file_data", "file_url") if client == CHAT else ("file_url",))
    ]
)
