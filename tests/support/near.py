"""JSON objects that are nearly a given one: with a field more or less somewhere in them, or of another value."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from hyperinfer.formats.wire import is_array, is_object
from tests.support.strategies import JSON_VALUES

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

ODD: tuple[Any, ...] = (
    None,
    [],
    {},
    "",
    " ",
    0,
    0.0,
    1,
    12.0,
    -1,
    2**70,
    True,
    False,
    [""],
    {"text": "x"},
    {"type": "x"},
    "字😀\u2028",
)
"""Values that are not what a field is for."""


@st.composite
def near(draw: DrawFn, body: dict[str, Any], names: Sequence[str], values: Sequence[Any], changes: int = 2) -> bytes:
    """The body as it is, or with up to so many changes. `names`, `values`: of fields that may be added."""
    found = copy.deepcopy(body)
    for _ in range(draw(st.integers(0, changes))):
        place = draw(st.sampled_from(list(_objects(found))))
        name = draw(st.sampled_from([*place, *names]))
        value = copy.deepcopy(draw(st.one_of(JSON_VALUES, st.sampled_from(ODD), st.sampled_from(values))))
        inner = place.get(name)
        if is_array(inner) and draw(st.booleans()):
            inner.insert(draw(st.integers(0, len(inner))), value)
        elif name in place and draw(st.booleans()):
            del place[name]
        else:
            place[name] = value
    return json.dumps(found).encode()


def each_change(body: dict[str, Any], names: Sequence[str], values: Sequence[Any]) -> Iterator[bytes]:
    """The body with every single change: each field of each object left out, and with each value, also fields not there."""
    found = copy.deepcopy(body)
    for place in list(_objects(found)):
        for name in dict.fromkeys((*place, *names)):
            before = dict(place)
            place.pop(name, None)
            yield json.dumps(found).encode()
            for value in values:
                place[name] = value
                yield json.dumps(found).encode()
            place.clear()
            place.update(before)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if is_object(value):
        yield value
    for inner in value.values() if is_object(value) else value if is_array(value) else ():
        yield from _objects(inner)
