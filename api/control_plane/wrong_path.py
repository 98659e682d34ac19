"""What is said of a path that is none: which one may have been meant, or what there is not."""

from __future__ import annotations

from typing import Final

_API: Final = "/api/v1"
_ENDINGS: Final = (
    "/chat/completions",
    "/responses/input_tokens",
    "/responses",
    "/messages/count_tokens",
    "/messages",
    "/models",
    "/generation",
    "/key",
    "/credits",
)
"""Of the paths that clients make by themselves, behind whatever base URL they were given."""
_ABSENT: Final = {
    "/completions": "completions of text alone: use /api/v1/chat/completions",
    "/embeddings": "embeddings",
    "/batches": "batches",
    "/files": "stored files: send them with the request",
    "/realtime": "realtime sessions",
    "/moderations": "moderation",
    "/images/generations": "a route for images: models make them with the server tool `image`",
    "/fine_tuning/jobs": "fine-tuning",
    "/assistants": "assistants: send the whole conversation each time",
    "/threads": "threads: send the whole conversation each time",
}
"""What other APIs have there. README says what else is not there."""
_ALL: Final = "The API's paths begin with /api/v1/, and /openapi.json describes them all."


def no_such_path(path: str) -> str:
    """The sentence for a client. Nothing of the path is in it that is not ours."""
    path = path.rstrip("/")
    for ending in _ENDINGS:
        if path.endswith(ending):
            return f"There is no such path; did you mean {_API}{ending}? {_ALL}"
    for ending, what in _ABSENT.items():
        if path.endswith(ending):
            return f"There is no such path: this gateway has no {what}. {_ALL}"
    if path.startswith("/api/v1/audio") or path.startswith("/v1/audio"):
        return f"There is no such path: this gateway has no audio routes. {_ALL}"
    return f"There is no such path. {_ALL}"
