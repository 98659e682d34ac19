"""A generation as a row and back. Lossless: `generation_from_row(generation_row(g)) == g`."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.messages import GenerationRow
from hyperinfer.nodes.ports import Attempt, CostLine, Generation, IngressFormat, LossRecord, ToolTime


class Details(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The part of a generation that no report sums up or filters by; stored as JSON."""

    lines: tuple[CostLine, ...]
    upstream_model: str
    route: int
    ingress_format: IngressFormat
    streamed: bool
    error_code: str | None = None
    finish_reason: str | None = None
    first_token_ms: int | None = None
    losses: tuple[LossRecord, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    estimated: bool = False
    limit_reached: bool = False
    admitted_ms: int | None = None
    tools: tuple[ToolTime, ...] = ()


_SELECT: Final = f"SELECT {', '.join(GenerationRow._fields)} FROM generation WHERE id = ?"
packed_row = msgspec.msgpack.Encoder().encode
"""A `GenerationRow` as journals and holds keep it."""
unpacked_row = msgspec.msgpack.Decoder(GenerationRow).decode
"""And back."""

packed_generation = packed_row
"""A generation as it is, a third of the work of making a row of it, for what is mostly not read again."""
_unpacked = msgspec.msgpack.Decoder(Generation | GenerationRow).decode

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Details).decode


def generation_row(generation: Generation) -> GenerationRow:
    """The row to store."""
    g = generation
    details = Details(
        g.lines,
        g.upstream_model,
        g.route,
        g.ingress_format,
        g.streamed,
        g.error_code,
        g.finish_reason,
        g.first_token_ms,
        g.losses,
        g.attempts,
        g.estimated,
        g.limit_reached,
        g.admitted_ms,
        g.tools,
    )
    return GenerationRow(
        g.id,
        g.workspace,
        g.key_id,
        g.created_at,
        g.model,
        g.provider,
        g.source,
        g.status,
        g.tokens_prompt,
        g.tokens_completion,
        g.tokens_reasoning,
        g.tokens_cached_prompt,
        g.tokens_cache_write,
        g.tokens_cache_write_1h,
        g.cost,
        g.latency_ms,
        _encode(details).decode(),
    )


def generation_from_row(row: tuple[Any, ...]) -> Generation:
    """The generation of a stored row, its columns in the order of GenerationRow."""
    columns = GenerationRow(*row)._asdict()
    details = _decode(columns.pop("details"))
    return msgspec.convert(columns | {name: getattr(details, name) for name in Details.__struct_fields__}, Generation)


def unpacked_generation(data: bytes) -> Generation:
    """What was packed, as a generation or as its row."""
    found = _unpacked(data)
    return found if isinstance(found, Generation) else generation_from_row(found)


def read_generation(connection: sqlite3.Connection, id: str, workspace: str | None = None) -> Generation | None:
    """A generation in SQLite, by primary key; None when there is none, or none of this workspace where one is named.

    Raises StoreUnavailable.
    """
    try:
        row = connection.execute(_SELECT, (id,)).fetchone()
    except UnicodeEncodeError:  # half of a surrogate pair is no text, and names nothing
        return None
    except sqlite3.Error as error:
        raise StoreUnavailable(f"the database cannot be read: {error}") from error
    if row is None or workspace not in (None, row[1]):
        return None
    return generation_from_row(row)
