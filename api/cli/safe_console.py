"""A rich console on which text from elsewhere is only text: it cannot move the cursor, nor change colours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.segment import Segment

from hyperinfer.api.cli.visible import visible

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, RenderableType
    from rich.text import Text


class SafeConsole(Console):
    """Shows control characters as they are written in Python."""

    def render_str(self, text: str, **how: Any) -> Text:
        """As any console. Of cells of tables, which are measured before they are rendered."""
        return super().render_str(visible(text), **how)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As any console, but for those."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)
