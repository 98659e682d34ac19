"""A value that must not be printed: an API key, or a header that carries one."""

import hmac
from typing import Never, final

_MASK = "Secret(***)"


@final
class Secret:
    """Text that shows itself only through `reveal()`.

    `repr`, `str`, f-strings and `%` all give the mask, pickling and JSON encoding refuse, and two secrets are compared
    in constant time. So a secret can sit in a record that is logged or printed as a whole.
    """

    __slots__ = ("_value",)
    _value: str

    def __init__(self, value: str) -> None:
        object.__setattr__(self, "_value", value)

    def reveal(self) -> str:
        """The text itself. Call it where it goes on the wire, nowhere else."""
        return self._value

    def __setattr__(self, name: str, value: object) -> Never:
        raise AttributeError("a Secret does not change")

    def __delattr__(self, name: str) -> Never:
        raise AttributeError("a Secret does not change")

    def __repr__(self) -> str:
        return _MASK

    def __str__(self) -> str:
        return _MASK

    def __format__(self, spec: str) -> str:
        return format(_MASK, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # An environment variable need not be valid Unicode, and must not make every comparison fail.
        mine, theirs = (text.encode("utf-8", "surrogatepass") for text in (self._value, other._value))
        return hmac.compare_digest(mine, theirs)

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce_ex__(self, protocol: object) -> Never:
        raise TypeError("a Secret is not serialised")
