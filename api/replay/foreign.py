"""HTTP traffic as other programs record it: HAR (browsers, proxies), and cassettes of VCR in its Python and Ruby forms.

HAR: http://www.softwareishard.com/blog/har-12-spec/. Cassettes: `interactions` as vcrpy writes them, in YAML or JSON, or
`http_interactions` as VCR for Ruby and Betamax do. What a file does not say is said of each exchange, not made up.
"""

from __future__ import annotations

import base64
import binascii
import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, cast
from urllib.parse import urlsplit

import msgspec

from hyperinfer.formats import Dialect
from hyperinfer.formats.wire import is_array, is_object

ENDINGS: Final[Mapping[str, Dialect]] = {
    "/chat/completions": "openai_chat",
    "/responses": "openai_responses",
    "/messages": "anthropic_messages",
}
"""How the paths end at which models are asked."""

_NO_TIMES = "no times: all of it comes at once"
_NONE = "it is no recording of this gateway, no HAR file and no cassette of VCR"
_NO_CHUNKS = "no chunk boundaries: the body comes in one piece, with its head"


class UnreadableFile(Exception):
    """The file is none that this can read; the text says why."""


class Exchanged(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a model's API, and its response.

    number: place among all exchanges of the file, from 1. body, response: as they were before compression; None where the
    file has no request body. began: unix seconds; None where that is not told. head, end: seconds from the request to the
    head of the response, and to its end. missing: what the file does not say.
    """

    number: int
    dialect: Dialect
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    status: int
    response_headers: tuple[tuple[str, str], ...]
    response: bytes
    began: float | None = None
    head: float = 0.0
    end: float = 0.0
    missing: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """For a list."""
        return f"{self.number}: POST {self.url.partition('?')[0]}, status {self.status}, {len(self.response):,} bytes"


def exchanges(text: bytes) -> list[Exchanged]:
    """Those in a file that ask a model by one of the three protocols. Raises UnreadableFile."""
    document = _document(text)
    if is_object(document):
        if is_object(log := document.get("log")) and is_array(entries := log.get("entries")):
            return list(_known(entries, _of_har))
        for name in ("interactions", "http_interactions"):
            if is_array(entries := document.get(name)):
                return list(_known(entries, _of_cassette))
    raise UnreadableFile(_NONE)


def dialect_of(url: str) -> Dialect | None:
    """The protocol whose endpoint an address is; None for any other."""
    path = urlsplit(url).path.rstrip("/")
    return next((dialect for ending, dialect in ENDINGS.items() if path.endswith(ending)), None)


def _document(text: bytes) -> object:
    if text.lstrip()[:1] == b"{":
        try:
            return msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UnreadableFile(f"{_NONE}: it is no JSON ({error})") from None
    import yaml  # for those who read YAML

    try:
        return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UnreadableFile(f"{_NONE}: it is neither JSON nor YAML ({str(error).splitlines()[0]})") from None


def _known(entries: list[Any], read: Callable[[int, Mapping[str, Any]], Exchanged | None]) -> Iterator[Exchanged]:
    for number, entry in enumerate(entries, 1):
        if not is_object(entry):
            raise UnreadableFile(f"its entry {number} is no object")
        try:
            found = read(number, entry)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UnreadableFile(f"its entry {number} cannot be read: {type(error).__name__}: {error}") from None
        if found is not None:
            yield found


def _of_har(number: int, entry: Mapping[str, Any]) -> Exchanged | None:
    request, response = entry["request"], entry["response"]
    dialect = dialect_of(request["url"])
    if dialect is None or request["method"] != "POST" or not response["status"]:
        return None
    posted: Mapping[str, Any] = request.get("postData") or {}
    body = _bytes(posted["text"], posted.get("encoding")) if "text" in posted else None
    content: Mapping[str, Any] = response.get("content") or {}
    missing = [_NO_CHUNKS]
    if "text" not in content:
        missing.append("no body of the response: its exporter left it out")
    times: Mapping[str, Any] = entry.get("timings") or {}
    head = _seconds(times, "blocked", "dns", "connect", "send", "wait")  # `ssl` is a part of `connect`
    return Exchanged(
        number=number,
        dialect=dialect,
        url=request["url"],
        headers=_pairs(request.get("headers")),
        body=body,
        status=int(response["status"]),
        response_headers=_plain_headers(_pairs(response.get("headers"))),
        response=_bytes(content.get("text") or "", content.get("encoding")),
        began=_unix(entry.get("startedDateTime")),
        head=head,
        end=max(head + _seconds(times, "receive"), head),
        missing=tuple(missing if times else [*missing, _NO_TIMES]),
    )


def _of_cassette(number: int, entry: Mapping[str, Any]) -> Exchanged | None:
    request, response = entry["request"], entry["response"]
    url = request["uri"]
    dialect = dialect_of(url)
    if dialect is None or str(request["method"]).upper() != "POST":
        return None
    status = response["status"]
    headers = _pairs(response.get("headers"))
    body, _ = _body(request)
    said, parsed = _body(response)
    missing = [_NO_TIMES, _NO_CHUNKS]
    if parsed:
        missing.append("no spelling of the body: it was parsed and written anew")
    return Exchanged(
        number=number,
        dialect=dialect,
        url=url,
        headers=_pairs(request.get("headers")),
        body=body,
        status=int(status["code"]) if is_object(status) else int(status),
        response_headers=_plain_headers(headers),
        response=_inflated(said or b"", headers),
        began=_unix(entry.get("recorded_at")),
        missing=tuple(missing),
    )


def _body(side: Mapping[str, Any]) -> tuple[bytes | None, bool]:
    """The body of a request or response in a cassette, and whether it is not as it was spelled."""
    if (parsed := side.get("parsed_body")) is not None:
        return msgspec.json.encode(parsed), True
    body: object = side.get("body")
    if is_object(body):
        if isinstance(coded := body.get("base64_string"), str):
            return base64.b64decode(coded), False
        body = body.get("string")
    if body is None or body == "":
        return None, False
    if isinstance(body, bytes):
        return body, False
    return (body.encode() if isinstance(body, str) else msgspec.json.encode(body)), not isinstance(body, str)


def _inflated(body: bytes, headers: Iterable[tuple[str, str]]) -> bytes:
    """Without a content coding, as far as the gateway undoes them itself."""
    from hyperinfer.providers.content_coding import decoder_for
    from hyperinfer.providers.transport_errors import Disconnected, GarbledResponse

    coding = next((value for name, value in headers if name.lower() == "content-encoding"), "")
    try:
        decoder = decoder_for(coding) if coding and body else None
        if decoder is None:
            return body
        decoder.feed(body)
        pieces = list(iter(decoder.take, b""))
        decoder.end()
    except (GarbledResponse, Disconnected) as error:
        if body.lstrip()[:1] in (b"{", b"[", b"d", b"e", b":"):
            return body  # recorded after it was undone, as many do
        raise ValueError(f"the body of its response cannot be read: {error}") from None
    return b"".join(pieces)


def _plain_headers(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Without those that speak of a form of the body which is not the one here."""
    gone = ("content-encoding", "content-length", "transfer-encoding")
    return tuple((name, value) for name, value in headers if name.lower() not in gone)


def _pairs(headers: object) -> tuple[tuple[str, str], ...]:
    """From a list of names and values (HAR) or a mapping of names to one or several (VCR)."""
    if is_array(headers):
        return tuple((str(each["name"]), str(each["value"])) for each in headers)
    if not is_object(headers):
        return ()
    found: list[tuple[str, str]] = []
    for name, values in headers.items():
        listed: list[object] = cast("list[object]", values) if is_array(values) else [values]
        found += [(name, value.decode("latin-1") if isinstance(value, bytes) else str(value)) for value in listed]
    return tuple(found)


def _bytes(text: str, encoding: object) -> bytes:
    try:
        return base64.b64decode(text) if encoding == "base64" else text.encode()
    except binascii.Error:
        raise ValueError("a body that says it is base64 is not") from None


def _seconds(times: Mapping[str, Any], *names: str) -> float:
    """The sum of milliseconds; -1 stands for what did not apply."""
    return sum(max(0.0, float(times.get(name) or 0.0)) for name in names) / 1000


def _unix(moment: object) -> float | None:
    if isinstance(moment, datetime.datetime):
        return moment.timestamp()
    if not isinstance(moment, str):
        return None
    try:
        return datetime.datetime.fromisoformat(moment).timestamp()
    except ValueError:  # Ruby's VCR writes dates of HTTP
        from email.utils import parsedate_to_datetime

        try:
            return parsedate_to_datetime(moment).timestamp()
        except ValueError:
            return None
