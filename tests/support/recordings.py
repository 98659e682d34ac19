"""The recorded provider traffic in the folder shared beside the repository, where it exists."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

FOLDER = Path(__file__).parents[2].parent / "shared" / "recordings"
DIALECTS: tuple[Dialect, ...] = ("openai_chat", "openai_responses", "anthropic_messages")


@dataclass(frozen=True)
class Recording:
    """One exchange. `dialect`: the protocol of its provider."""

    dialect: Dialect
    path: Path

    def __str__(self) -> str:
        return f"{self.dialect}-{self.path.name}"

    @cached_property
    def meta(self) -> dict[str, Any]:
        """The facts beside the recording."""
        meta: dict[str, Any] = json.loads((self.path / "meta.json").read_bytes())
        return meta

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.meta["http_status"])

    @property
    def streamed(self) -> bool:
        """Whether the response is a stream of events."""
        return (self.path / "response.sse").exists()

    @property
    def request(self) -> bytes | None:
        """The request's body; None where it was not recorded, or only with its long text cut out."""
        file = self.path / "request.json"
        body = file.read_bytes() if file.exists() else None
        return None if body is None or b"<MASSIVE_TEXT>" in body else body

    @property
    def response(self) -> bytes:
        """The response's body."""
        return (self.path / ("response.sse" if self.streamed else "response.json")).read_bytes()


def recordings() -> list[Recording]:
    """All of them, in a stable order; none where the folder is absent."""
    return [
        Recording(dialect, path)
        for dialect in DIALECTS
        if (FOLDER / dialect).is_dir()
        for path in sorted((FOLDER / dialect).iterdir())
        if (path / "meta.json").exists()
    ]
