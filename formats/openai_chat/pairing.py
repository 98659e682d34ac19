"""Which call a tool result answers, where a client left ids out (faults F064, F065)."""

from __future__ import annotations

from typing import Literal

from hyperinfer.formats.errors import RequestError

Kind = Literal["function", "custom"]


class CallPairing:
    """Walks a history. A missing id is recovered when exactly one call is unanswered, and refused otherwise."""

    def __init__(self) -> None:
        self._kinds: dict[str, Kind] = {}
        self._unanswered: list[str] = []
        self._made = 0

    def call(self, call_id: str | None, kind: Kind) -> str:
        """The id of a call; one is made for a call without."""
        if not call_id:
            self._made += 1
            call_id = f"call_unnamed_{self._made}"
        self._kinds[call_id] = kind
        self._unanswered.append(call_id)
        return call_id

    def result(self, call_id: str | None, name: str | None, path: str) -> tuple[str, Kind]:
        """(id, kind) of the call that a result answers. Raises `RequestError` when it cannot be known."""
        if not call_id and name and (legacy := f"call_function_{name}") in self._kinds:
            call_id = legacy
        if not call_id:
            if len(self._unanswered) != 1:
                where = f"{path}.tool_call_id"
                raise RequestError(
                    f"{where}: this field is required to tell which call this result answers", param=where
                )
            call_id = self._unanswered[0]
        if call_id in self._unanswered:
            self._unanswered.remove(call_id)
        return call_id, self._kinds.get(call_id, "function")
