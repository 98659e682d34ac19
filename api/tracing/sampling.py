"""Which requests are traced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hyperinfer.api.tracing.trace_context import Parent

SAMPLERS: Final[Mapping[str, tuple[bool, float | None]]] = {
    "always_on": (False, 1.0),
    "always_off": (False, 0.0),
    "traceidratio": (False, None),
    "parentbased_always_on": (True, 1.0),
    "parentbased_always_off": (True, 0.0),
    "parentbased_traceidratio": (True, None),
}
"""The names in the specification: whether the client's decision counts where it has made one, and the share otherwise."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """`share`: from 0 to 1, by the trace's id, so that all who see it with the same share decide alike."""

    parent_based: bool = True
    share: float = 1.0

    def samples(self, trace_id: bytes, parent: Parent | None) -> bool:
        """Whether a request is traced. `parent`: what its client says of the trace, None for nothing."""
        if self.parent_based and parent is not None:
            return parent.sampled
        return int.from_bytes(trace_id[8:]) < round(self.share * 2**64)
