"""What a client has received, read strictly: HTTP, and the format of each response."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.faults.kit import Seen
from tests.faults.reading import frames_of, read
from tests.support.formats import ROUTES
from tests.support.judge import breaches_if_judged
from tests.support.rawclient import Answer

if TYPE_CHECKING:
    from tests.schedules.plan import Ask

_BY_DIALECT = {route.dialect: route for route in ROUTES}


@dataclass
class Response:
    """One response. `whole`: it is here to its last byte. `begins`, `ends`: its place among the bytes of the connection."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    whole: bool = False
    begins: int = 0
    ends: int = 0

    @property
    def streamed(self) -> bool:
        """It is a stream of events."""
        return self.headers.get("content-type", "").startswith("text/event-stream")

    @property
    def stays(self) -> bool:
        """The connection goes on behind it."""
        return self.whole and self.headers.get("connection") != "close"


class Malformed(AssertionError):
    """What no HTTP server may send."""


def responses(data: bytes) -> list[Response]:
    """Those in the bytes of a connection; the last one may not be whole. Raises Malformed."""
    found: list[Response] = []
    place = 0
    while place < len(data):
        response, place = _one(data, place)
        found.append(response)
        if not response.whole:
            break
    return found


def _one(data: bytes, place: int) -> tuple[Response, int]:
    response = Response(begins=place, ends=len(data))
    end = data.find(b"\r\n\r\n", place)
    if end < 0:
        if not b"HTTP/1.1 ".startswith(data[place : place + 9]):
            raise Malformed(f"no response: {data[place : place + 60]!r}")
        return response, len(data)
    first, *lines = data[place:end].decode("latin-1").split("\r\n")
    version, status, _ = first.split(" ", 2)
    if version != "HTTP/1.1" or not status.isdigit():
        raise Malformed(f"no response: {first!r}")
    response.status = int(status)
    for line in lines:
        name, colon, value = line.partition(": ")
        if not colon or name in response.headers:
            raise Malformed(f"a line of a head: {line!r}")
        response.headers[name] = value
    place = end + 4
    if response.status == 100:
        return _one(data, place)
    if (length := response.headers.get("content-length")) is not None:
        response.body = data[place : place + int(length)]
        response.whole = len(response.body) == int(length)
        place += len(response.body)
    elif response.headers.get("transfer-encoding") == "chunked":
        place = _chunks(data, place, response)
    else:
        raise Malformed("neither a length nor chunks")
    response.ends = place
    return response, place


def _chunks(data: bytes, place: int, response: Response) -> int:
    pieces: list[bytes] = []
    while (end := data.find(b"\r\n", place)) >= 0:
        line = data[place:end]
        if not line or line.strip(b"0123456789abcdef"):
            raise Malformed(f"the size of a chunk: {line[:60]!r}")
        size = int(line, 16)
        place = end + 2
        piece = data[place : place + size]
        pieces.append(piece)
        place += len(piece)
        after = data[place : place + 2]
        if not b"\r\n".startswith(after):
            raise Malformed(f"behind a chunk: {data[place : place + 60]!r}")
        place += len(after)
        if len(piece) < size or len(after) < 2:
            break
        if not size:
            response.whole = True
            break
    response.body = b"".join(pieces)
    return place if response.whole else len(data)


# ---- the formats ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """What a response says. `error`: its code, None where all went well. `message`: of the error. `text`: of the reply.
    `cost`: in USD as it was printed, None where it was not told."""

    error: str | None = None
    message: str = ""
    text: str = ""
    cost: str | None = None


def told(ask: Ask, response: Response) -> Told:
    """Of a whole response. Raises AssertionError where it is not as its format has it."""
    if "x-request-id" not in response.headers:
        assert response.status in (400, 408), response
        return Told("refused by the edge")
    if response.status != 200:
        answer = Answer(response.status, response.headers, response.body)
        found = _BY_DIALECT[ask.client].told(answer, 408 if response.status == 408 else None)
        return Told(found.code, found.message)
    assert response.streamed == ask.streamed, response.headers
    error = None
    if response.streamed:
        error = _error_in(ask, response)
        wrong = breaches_if_judged(ask.client, response.body, failed=error is not None)
        # What breaks off within the arguments of a call has none that are whole.
        wrong = [each for each in wrong if error is None or "arguments" not in each]
        assert not wrong, wrong
    reading = read(Seen(ask.client, response.streamed, response.body), failed=error is not None)
    if error is not None:
        return Told(error[0], error[1], reading.text)
    cost = reading.usage.get("cost")
    return Told(text=reading.text, cost=None if cost is None else str(cost))


_ERRORS = {
    "openai_chat": (b'data: {"error":', b'data: {"error":'),
    "openai_responses": (b"event: response.failed\n", b"data: "),
    "anthropic_messages": (b"event: error\n", b"data: "),
}


def _error_in(ask: Ask, response: Response) -> tuple[str, str] | None:
    mark, _ = _ERRORS[ask.client]
    place = response.body.find(mark)
    if place < 0:
        return None
    (line,) = [line for line in response.body[place:].split(b"\n\n")[0].split(b"\n") if line.startswith(b"data: ")]
    event: Any = json.loads(line.removeprefix(b"data: "))
    if ask.client == "openai_responses":
        error = event["response"]["error"]
        return str(error["hi_code"]), str(error["message"])
    request_id = response.headers["x-request-id"]
    found = _BY_DIALECT[ask.client].told_in(event, request_id)
    return found.code, found.message


def check_beginning(ask: Ask, response: Response) -> None:
    """Of a response that broke off: what is there of its stream is made of whole events but for the last, and nothing
    follows its end."""
    if not response.streamed or not response.body:
        return
    end = response.body.rfind(b"\n\n")
    if end < 0:
        return
    frames = frames_of(response.body[: end + 2], named=ask.client != "openai_chat")
    ends = [place for place, (name, data) in enumerate(frames) if _ends(ask, name, data)]
    assert len(ends) <= 1, "two ends"
    assert not ends or ends[0] == len(frames) - 1, "something follows the end"


def _ends(ask: Ask, name: str, data: Any) -> bool:
    if ask.client == "openai_chat":
        return data is None
    return name in ("error", "message_stop", "response.completed", "response.incomplete", "response.failed")
