"""Traces as tests look at them: a tracer that keeps them, and the tree of one."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from hyperinfer.api.tracing.sampling import Sampler
from hyperinfer.api.tracing.tracer import Tracer

if TYPE_CHECKING:
    from hyperinfer.api.tracing.contents import Contents
    from hyperinfer.api.tracing.spans import Span, Trace


@dataclass
class Kept:
    """Where traces go."""

    traces: list[Trace] = field(default_factory=list["Trace"])

    def take(self, trace: Trace) -> None:
        self.traces.append(trace)

    @property
    def one(self) -> Trace:
        (trace,) = self.traces
        return trace


def keeping(sampler: Sampler | None = None, contents: Contents | None = None) -> tuple[Tracer, Kept]:
    """A tracer, and what it keeps. Its ids are counted."""
    kept, numbers = Kept(), itertools.count(1)

    def entropy(size: int) -> bytes:
        return sha256(b"%d" % next(numbers)).digest()[:size]

    return Tracer(sampler or Sampler(), kept, entropy=entropy, contents=contents), kept


def spans(trace: Trace, name: str) -> list[Span]:
    """Those of a name, or that begin with it and a blank."""
    return [span for span in trace.spans if span.name == name or span.name.startswith(f"{name} ")]


def tree(trace: Trace) -> dict[str, Any]:
    """What is below what: `name start-end!error`, times since the request came."""
    below: dict[bytes, list[Span]] = {}
    for span in trace.spans[1:]:
        below.setdefault(span.parent, []).append(span)

    def branch(span: Span) -> tuple[str, Any]:
        assert span.end is not None
        times = f"{span.start - trace.started:g}-{span.end - trace.started:g}"
        error = "" if span.error is None else f"!{span.error}"
        return f"{span.name} {times}{error}", dict(branch(each) for each in below.pop(span.span_id, []))

    found = dict([branch(trace.spans[0])])
    assert not below, "spans whose parent is not there"
    return found
