"""Which call a tool result answers, where a client left ids out (faults F064, F065)."""

from __future__ import annotations

from typing import Literal

from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.openai_chat.call_ids import legacy_id

Kind = Literal["function", "custom"]


class CallPairing:
    """Walks a history. A missing id is recovered when exactly one call is unanswered, and refused otherwise."""

    def __init__(self) -> None:
        self._kinds: dict[str, Kind] = {}
        self._unanswered: list[str] = []
        self._legacy: dict[str, str] = {}  # name of a function to the id of its last `function_call`
        self._made = 0

    def call(self, call_id: str | None, kind: Kind) -> str:
        """The id of a call; one is made for a call without."""
        if not call_id:
            self._made += 1
            call_id = f"call_unnamed_{self._made}"
        self._kinds[call_id] = kind
        self._unanswered.append(call_id)
        return call_id

    def legacy_call(self, name: str) -> str:
        """The id of a call in the deprecated `function_call`, which has none."""
        self._made += 1
        self._legacy[name] = legacy_id(name, self._made)
        return self.call(self._legacy[name], "function")

    def legacy_result(self, name: str | None, path: str) -> tuple[str, Kind]:
        """The same for a message of role `function`, which names only its function."""
        return self.result(self._legacy.get(name or ""), path)

    def result(self, call_id: str | None, path: str) -> tuple[str, Kind]:
        """(id, kind) of the call that a result answers. Raises `RequestError` when it cannot be known."""
        if not call_id:
            if len(self._unanswered) != 1:
                where = f"{path}.tool_call_id"
                raise RequestError(f"{where}: this field is required to tell which call this result answers", param=where)
            call_id = self._unanswered[0]
        if call_id in self._unanswered:
            self._unanswered.remove(call_id)
        return call_id, self._kinds.get(call_id, "function")
