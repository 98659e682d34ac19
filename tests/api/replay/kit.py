"""Recordings written by hand: what upstreams did and when, and, once played, what a client got of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from zlib import crc32

import msgspec

from hyperinfer.api.replay import Replay, replay
from hyperinfer.engine import recording as rec
from hyperinfer.formats.server_tools import ToolOutcome
from tests.support.bench import PATHS, asked
from tests.support.tool_rounds import call, text, upstream

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect
    from hyperinfer.formats.events import Event

PRICE = {"prompt": 3, "completion": 15, "cached_prompt": 0.3, "cache_write": 3.75, "cache_write_1h": 6}


def catalogue(**limits: object) -> dict[str, Any]:
    """As a recording has it: the models and providers of `bench.catalogue` that are asked here."""
    providers = {
        name: {"protocol": name, "base_url": f"https://{name}.test/v1", "api_key": "hyperinfer-redacted"} for name in PATHS
    }
    routes = {name: {"provider": name, "model": "up"} for name in PATHS}
    models = [_model(name, routes[name]) for name in PATHS]
    models.append(_model("two", routes["openai_chat"], routes["anthropic_messages"] | {"weight": 0}))
    return {"providers": providers, "models": models, "limits": limits, "demo": False}


def _model(slug: str, *routes: dict[str, Any]) -> dict[str, Any]:
    numbers = {"context_length": 1000, "max_output_tokens": 100}
    return {"slug": f"test/{slug}", **numbers, "pricing": PRICE, "source": "a test", "routes": list(routes)}


class Story:
    """One request, and line by line what became of it. Times are seconds since it came."""

    def __init__(
        self,
        dialect: Dialect = "openai_chat",
        model: str = "openai_chat",
        *,
        stream: bool = True,
        headers: tuple[tuple[str, str], ...] = (),
        limits: dict[str, object] | None = None,
        **fields: Any,
    ) -> None:
        self.request = rec.Request(
            version=rec.VERSION,
            id="abc123",
            unix=1_795_600_000.25,
            gateway="",
            method="POST",
            path=PATHS[dialect],
            headers=(("content-type", "application/json"), *headers),
            body=rec.Payload.of(asked(dialect, model, stream=stream, **fields)),
            served={"catalogue": catalogue(**(limits or {}))},
        )
        self.lines: list[rec.Line] = []
        self._attempts = 0

    def asks(self, at: float, provider: Dialect = "openai_chat") -> Story:
        """The next attempt."""
        self.lines.append(
            rec.Attempt(
                number=self._attempts,
                at=at,
                provider=provider,
                model="up",
                protocol=provider,
                path=f"/v1/{provider}",
                streamed=True,
                body=rec.Payload(length=0),
            )
        )
        self._attempts += 1
        return self

    def answers(
        self,
        at: float,
        pieces: Iterable[bytes] = (),
        *,
        status: int = 200,
        every: float = 0.0,
        eof: bool = True,
        **headers: str,
    ) -> Story:
        """The latest attempt is answered: a head, then pieces `every` so many seconds."""
        number = self._attempts - 1
        told = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        self.lines.append(rec.Head(number, at, status, told))
        for piece in pieces:
            at += every
            self.lines.append(rec.Bytes(number, at, rec.Payload.of(piece)))
        if eof:
            self.lines.append(rec.Eof(number, at))
        return self

    def fails(self, at: float, error: str) -> Story:
        """The way to the latest upstream fails."""
        self.lines.append(rec.Fault(self._attempts - 1, at, error, "it broke"))
        return self

    def then(self, *lines: rec.Line) -> Story:
        """Anything else."""
        self.lines += lines
        return self

    @property
    def recording(self) -> rec.Recording:
        """As far as it goes, without what a client got."""
        return rec.Recording(self.request, tuple(self.lines))

    def heard(self) -> rec.Recording:
        """With what a client got, as this gateway answers now."""
        return with_what_was_sent(self.recording, replay(self.recording))


def bodies(*blocks: list[Event]) -> list[bytes]:
    """The pieces of a reply."""
    return [piece for _, piece in upstream("openai_chat", *blocks, stream=True).pieces if isinstance(piece, bytes)]


def tool_round() -> Story:
    """A model that calls a tool of the gateway's, and is asked again."""
    outcome = ToolOutcome(text="rain", summary="it rains")
    story = Story(plugins=[{"id": "datetime", "events": True}], limits={"retries": 0})
    story.asks(0.0).answers(0.1, bodies(call("datetime", timezone="Europe/Oslo")))
    arguments = rec.Payload.of(b'{"timezone":"Europe/Oslo"}')
    found = rec.Payload.of(msgspec.json.encode(outcome))
    story.then(rec.Tool(at=3.0, began=0.1, name="datetime", arguments=arguments, outcome=found))
    return story.asks(3.0).answers(3.5, bodies(text("It rains.")))


def with_what_was_sent(recording: rec.Recording, played: Replay) -> rec.Recording:
    """The recording that somebody would have made who saw this. Signs of life are where they were; all else that was sent is
    behind the line that led to it."""
    sent = [
        rec.Sent(each.at, len(each.data), crc32(each.data), each.data.startswith(b": keep-alive")) for each in played.writes
    ]
    lines = sorted((*recording.lines, *sent), key=_order)
    left = any(isinstance(line, rec.Abort) for line in lines)
    end = rec.End(
        at=max(played.seconds, lines[-1].at),
        how="client_left" if left else "complete",
        status=played.status,
        headers=played.headers,
        length=len(played.body),
        sha256=hashlib.sha256(played.body).hexdigest(),
    )
    return rec.Recording(recording.request, (*lines, end))


def _order(line: rec.Line) -> tuple[float, int]:
    if isinstance(line, rec.Sent):
        return line.at, 0 if line.alive else 2
    return line.at, 1


def changed(recording: rec.Recording, place: int, **fields: object) -> rec.Recording:
    """With other fields in the line of that number."""
    lines = list(recording.lines)
    lines[place] = msgspec.structs.replace(lines[place], **fields)
    return rec.Recording(recording.request, tuple(lines))
