"""Whether a body is JSON by its `Content-Type` (RULES: a wrong media type is 400)."""

from __future__ import annotations

import re

_JSON = re.compile(r"application/(?:[\w.+-]*\+)?json\s*(?:;.*)?", re.IGNORECASE)


def is_json(content_type: str) -> bool:
    """For `application/json` and `application/…+json`, with or without parameters."""
    return content_type == "application/json" or _JSON.fullmatch(content_type) is not None
