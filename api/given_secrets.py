"""Secrets that the environment gives, as far as they can be wrong by themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from hyperinfer.api import values

if TYPE_CHECKING:
    from hyperinfer.providers.secret import Secret

CONSOLE_TOKEN: Final = "HYPERINFER_CONSOLE_TOKEN"


class SettingError(Exception):
    """A value that cannot be read. The message names the flag or the variable that it came from."""


def console_token(environ: Mapping[str, str]) -> Secret | None:
    """The token that signs in to the console; None where the store's does. Raises SettingError for one that could be
    guessed, or not be typed."""
    # The package that it lies in is heavy, and this module is loaded for every help page.
    from hyperinfer.providers.secret import Secret

    token = environ.get(CONSOLE_TOKEN)
    if not token:
        return None
    if not re.fullmatch(r"[!-~]{16,}", token):
        raise SettingError(f"{CONSOLE_TOKEN}: must be at least 16 characters of visible ASCII")
    return Secret(token)


def check_bootstrap(environ: Mapping[str, str]) -> None:
    """Here as well as where they are used, so that a bad one is told before anything starts."""
    key = environ.get("HYPERINFER_BOOTSTRAP_KEY")
    if key and not re.fullmatch(r"hi-[!-~]+", key):
        raise SettingError("HYPERINFER_BOOTSTRAP_KEY: must begin with 'hi-' and go on with visible ASCII")
    credits = environ.get("HYPERINFER_BOOTSTRAP_CREDITS")
    if credits:
        try:
            values.usd_not_negative(credits)
        except ValueError as error:
            raise SettingError(f"HYPERINFER_BOOTSTRAP_CREDITS: {error}") from None
