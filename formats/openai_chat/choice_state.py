"""What has been written of one choice of a Chat stream."""

from __future__ import annotations

from typing import Any

from hyperinfer.formats.ids import DistinctIds, chat_call_id
from hyperinfer.formats.openai_chat.annotations import TextPlace


class ChoiceState:
    """Counts, and what is open. `thought`: text of the open reasoning block. `form`: of the open call: function | custom |
    wrapped | legacy."""

    __slots__ = (
        *("annotations", "arguments_seen", "blobs", "calls", "details", "form", "ids", "images", "item_id", "part", "place"),
        *("refused", "thought", "thought_before"),
    )

    def __init__(self) -> None:
        self.calls = 0
        self.form = "function"
        self.arguments_seen = False
        self.ids = DistinctIds(chat_call_id)
        self.annotations = 0
        self.place = TextPlace()
        self.images = 0
        self.blobs = 0
        self.details = 0
        self.thought: list[str] = []
        self.thought_before = False
        self.part: tuple[str, int] | None = None
        self.item_id: str | None = None
        self.refused = False

    def numbered(self, detail: dict[str, Any]) -> dict[str, Any]:
        """The reasoning detail with an `index`, by which accumulators put pieces together: its own, else the next."""
        index = detail.get("index")
        if not isinstance(index, int):
            index = self.details
        self.details = max(self.details, index + 1)
        return {**detail, "index": index}
