"""What is said once after the first start: how to get an answer, and where the console is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hyperinfer.providers.catalogue import Catalogue


def first_words(url: str, catalogue: Catalogue, *, console: bool) -> list[str]:
    """Lines that can be copied. `url`: where it listens. `console`: whether there is one."""
    model = next((model.slug for model in catalogue.models.values() if model.available), None)
    lines: list[str] = []
    if model is not None:
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hello!"}]})
        headers = "-H \"Authorization: Bearer $KEY\" -H 'Content-Type: application/json'"
        lines.append(f"try it:  export KEY=the-key; curl {url}/api/v1/chat/completions {headers} -d '{body}'")
    if console:
        lines.append(f"console: open {url}/ in a browser, and sign in with the token")
    return lines
