"""Characters that a server cut in two and put into two frames (fault F162).

Servers that send each token, or each UTF-16 unit, as it comes split what does not fit one: the JSON string of one frame
ends in the first bytes of a character, or in the first half of a surrogate pair, and that of the next begins with the
rest. Neither frame is JSON then. The part is held back until the rest is there. What never comes is dropped.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from hyperinfer.formats.json_text import read_json

_decode = msgspec.json.Decoder().decode
_BEGUN = re.compile(
    rb"[\xc2-\xdf](?=\")|[\xe0-\xef][\x80-\xbf]?(?=\")|[\xf0-\xf4][\x80-\xbf]{0,2}(?=\")"
    rb"|(?<![\\])\\u[dD][89abAB][0-9a-fA-F]{2}(?=\")"
)
"""What a string ends in. A backslash before the escape makes it text: that frame is good JSON, or broken otherwise."""
_REST_OF_BYTES = re.compile(rb'(?<=")[\x80-\xbf]{1,3}')
_REST_OF_PAIR = re.compile(rb'(?<=")\\u[dD][c-fC-F][0-9a-fA-F]{2}')


class SplitCharacters:
    """The frames of one stream."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def decode(self, data: bytes) -> Any:
        """The JSON of a frame. Raises what msgspec raises: `DecodeError`, `UnicodeDecodeError`, `RecursionError`."""
        try:
            return _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return read_json(self.mend(data) or data)

    def mend(self, data: bytes) -> bytes | None:
        """A frame that is no JSON, with whole characters; None when it is not this that is wrong with it."""
        held, mended = self._held, data
        if held:
            rest = _REST_OF_PAIR if held.startswith(b"\\") else _REST_OF_BYTES
            mended = rest.sub(lambda found: held + found[0], data)
            if mended != data:
                self._held = b""
        begun = set(_BEGUN.findall(mended))
        if len(begun) == 1:
            (self._held,) = begun
            mended = _BEGUN.sub(b"", mended)
        return mended if mended != data else None
