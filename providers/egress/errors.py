"""What goes wrong on the guarded way out."""

from __future__ import annotations

from typing import Literal, TypeAlias

Code: TypeAlias = Literal["bad_url", "refused", "not_found", "too_large", "unsupported", "timeout", "unavailable"]
"""`bad_url`: not a URL that can be fetched, as it is written. `refused`: not allowed, by us or by the server that wants a
sign-in. `unsupported`: of a kind that the caller did not ask for. `unavailable`: no usable answer."""


class EgressError(Exception):
    """Nothing was fetched. The text is for the one who gave the URL (a model, a client): it names no address that a name
    led to, and nothing of this machine. `detail` is for the log."""

    def __init__(self, code: Code, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.code: Code = code
        self.message = message
        self.detail = detail or message
