"""OpenAI's images API, as OpenAI and the many servers that copy it have it: what goes out, and what an answer holds.

https://developers.openai.com/api/reference/resources/images (read 2026-11-26). Its GPT image models always answer with
base64, and refuse `response_format`; others give an address unless they are asked for `b64_json` there, and some do not
know that word.
"""

from __future__ import annotations

import base64
import re
import string
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from hyperinfer.formats.conversation import Base64Source
from hyperinfer.formats.media import source_of_url
from hyperinfer.formats.wire import is_array, is_object
from hyperinfer.nodes.tools.search.engine import line
from hyperinfer.providers.tool_api import ApiRequest

_ALPHABET: Final = (string.ascii_letters + string.digits + "+/").encode("ascii")
IMAGE_LIMIT: Final = 20 * 1024 * 1024
"""Bytes of an image."""
LONGEST_PROMPT: Final = 32_000
"""Characters, as OpenAI has it."""

_GPT_IMAGE: Final = re.compile(r"(?:.*/)?(?:chat)?gpt-image")
_SIZE: Final = re.compile(r"auto|[1-9][0-9]{1,4}x[1-9][0-9]{1,4}")
_WORD: Final = re.compile(r"[A-Za-z0-9_-]{1,20}")
_FORMATS: Final = ("png", "jpeg", "webp", "gif")
_WORDS: Final = ("quality", "background", "moderation")
_LONGEST_REVISED: Final = 4000


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """An image within an answer: `data` (base64, not looked at yet) or `url`. `prompt`: as the server rephrased it."""

    data: str = ""
    url: str = ""
    prompt: str = ""


def is_gpt_image(model: str) -> bool:
    """Whether a model is one of OpenAI's, wherever it is served."""
    return _GPT_IMAGE.match(model) is not None


def chosen_settings(options: Mapping[str, Any]) -> dict[str, str | int]:
    """The settings of a request, by the names of the API. Raises `ValueError`, which says what is expected."""
    found: dict[str, str | int] = {}
    for name in ("size", *_WORDS, "output_format", "output_compression"):
        if (value := options.get(name)) is not None:
            found[name] = _setting(name, value)
    return found


def read_size(value: Any) -> str | None:
    """`1024x1024`, however it is written; None for what is no size."""
    if not isinstance(value, str):
        return None
    text = re.sub(r"\s*[x×*]\s*", "x", value.strip().lower())
    return text if _SIZE.fullmatch(text) else None


def _setting(name: str, value: Any) -> str | int:
    if name == "output_compression":
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
            raise ValueError("output_compression: expected a whole number from 0 to 100")
        return value
    if name == "size":
        if (size := read_size(value)) is None:
            raise ValueError("size: expected auto, or a width and height such as 1024x1024")
        return size
    if name == "output_format":
        if not isinstance(value, str) or value not in _FORMATS:
            raise ValueError(f"output_format: expected one of {', '.join(_FORMATS)}")
        return value
    if not is_word(value):
        raise ValueError(f"{name}: expected one word, such as auto")
    return str(value)


def is_word(value: Any) -> bool:
    """Whether it is a word as the settings of the API are."""
    return isinstance(value, str) and _WORD.fullmatch(value) is not None


def image_request(prompt: str, model: str, settings: Mapping[str, str | int], *, response_format: bool) -> ApiRequest:
    """One image. Making one costs something, so it is not asked for again where it may have been made."""
    body: dict[str, Any] = {"prompt": prompt, "n": 1, **settings}
    if model:
        body["model"] = model
    if response_format:
        body["response_format"] = "b64_json"
    return ApiRequest(path="/images/generations", body=body, once=True)


def picture_of(answer: Any) -> Picture | None:
    """The first image of an answer; None where there is none."""
    items = answer.get("data") if is_object(answer) else None
    for item in items if is_array(items) else ():
        if not is_object(item):
            continue
        prompt = line(item.get("revised_prompt"))[:_LONGEST_REVISED]
        for value in (item.get("b64_json"), item.get("url")):
            if not isinstance(value, str) or not value:
                continue
            if value.startswith(("https://", "http://")):
                return Picture(url=value, prompt=prompt)
            source = source_of_url(value)
            return Picture(data=source.data if isinstance(source, Base64Source) else value, prompt=prompt)
    return None


def checked(data: str) -> str | None:
    """Base64 on one line and padded, however it was written; None for what is none.

    An image has megabytes, and everybody waits meanwhile: it is looked at, and not decoded.
    """
    if not data.isascii():
        return None
    raw = data.encode("ascii")
    others = raw.translate(None, _ALPHABET)
    if others in (b"", b"=", b"==") and len(raw) % 4 == 0 and raw.endswith(others):
        return data
    bare = "".join(data.split()).rstrip("=")
    if others.strip(b"= \t\r\n") or "=" in bare or len(bare) % 4 == 1:
        return None
    return bare + "=" * (-len(bare) % 4)


def media_type_of(data: str) -> str | None:
    """By the first bytes, of the types that every client can show; None for any other, and for what is no image. `data`:
    base64 that is `checked`."""
    image = base64.b64decode(data[:32])
    if image.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if image.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if image.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        return "image/webp"
    return None
