"""The transport of the demo models: answers what the real one would carry away."""

from collections.abc import Callable, Iterator
from hashlib import blake2b
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol, Self

import httpx2
import trio

from hyperinfer.providers.client import ENDPOINTS
from hyperinfer.providers.demo import anthropic_messages, openai_chat, openai_responses
from hyperinfer.providers.demo.answer import Answer, compose
from hyperinfer.providers.demo.asked import Asked, Malformed
from hyperinfer.providers.demo.recording import Reply, load
from hyperinfer.providers.quirks import Protocol as Dialect


class _Fill(Protocol):
    def __call__(self, asked: Asked, answer: Answer, *, seed: str, created: int) -> Reply: ...


class _Error(Protocol):
    def __call__(self, status: int, message: str, param: str | None, *, seed: str) -> bytes: ...


class _Model(NamedTuple):
    """One demo model. `request_id`: the response header with the vendor's name of the request."""

    dialect: Dialect
    ask: Callable[[bytes], Asked]
    fill: _Fill
    error: _Error
    request_id: str


_MODELS: Final = MappingProxyType(
    {
        ENDPOINTS[model.dialect]: model
        for model in (
            _Model("openai_chat", openai_chat.ask, openai_chat.fill, openai_chat.error, "x-request-id"),
            _Model("openai_responses", openai_responses.ask, openai_responses.fill, openai_chat.error, "x-request-id"),
            _Model(
                "anthropic_messages", anthropic_messages.ask, anthropic_messages.fill, anthropic_messages.error, "request-id"
            ),
        )
    }
)


class DemoTransport(httpx2.AsyncBaseTransport):
    """Plays the recordings: a POST to `demo://<any host>` with the path of a protocol's endpoint gets that protocol's
    bytes, with the pauses of the recording, filled for what the request asked.

    The answer is text; reasoning before it when it is asked for; JSON where it must fit a schema. Where the caller has
    tools of its own, the first one that may be called is called, until its result has come. Limits and stop sequences
    hold. A body that is none of the protocol's gets a 400 in the vendor's envelope. Equal requests get equal replies.

    `now` gives Unix seconds, for the date of a reply. `pace` multiplies every pause: 0 plays without any.
    """

    def __init__(self, *, now: Callable[[], float], pace: float = 1.0) -> None:
        self._now = now
        self._pace = pace

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The response, with a body that takes its time."""
        body = await request.aread()
        seed = blake2b(body, digest_size=12).hexdigest()
        # Some clients write the version into the path themselves.
        model = _MODELS.get(request.url.path.removeprefix("/v1"))
        if model is None or request.method != "POST":
            other = model or _MODELS[ENDPOINTS["openai_chat"]]
            message = f"Invalid URL ({request.method} {request.url.path})"
            return self._answer(404, other, other.error(404, message, None, seed=seed), seed)
        try:
            asked = model.ask(body)
            reply = model.fill(asked, compose(asked), seed=seed, created=int(self._now()))
        except Malformed as error:
            return self._answer(400, model, model.error(400, str(error), error.param, seed=seed), seed)
        recording = load(model.dialect)
        if not asked.streamed:
            delay, whole = recording.body(reply)
            return self._answer(200, model, whole, seed, delay)
        headers = {"content-type": "text/event-stream; charset=utf-8", model.request_id: f"req_{seed}"}
        return httpx2.Response(200, headers=headers, stream=_Playback(recording.play(reply), self._pace))

    def _answer(self, status: int, model: _Model, body: bytes, seed: str, delay: int = 0) -> httpx2.Response:
        headers = {
            "content-type": "application/json",
            "content-length": str(len(body)),
            model.request_id: f"req_{seed}",
        }
        return httpx2.Response(status, headers=headers, stream=_Playback(iter([(delay, body)]), self._pace))


class _Playback(httpx2.AsyncByteStream):
    """A body that gives each chunk so many milliseconds after the one before it, once."""

    __slots__ = ("_chunks", "_pace")

    def __init__(self, chunks: Iterator[tuple[int, bytes]], pace: float) -> None:
        self._chunks = chunks
        self._pace = pace

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        chunk = next(self._chunks, None)
        if chunk is None:
            raise StopAsyncIteration
        delay, data = chunk
        await trio.sleep(delay * self._pace / 1000)
        return data
