"""Server-sent events, read strictly. Source: WHATWG HTML, "Server-sent events", 9.2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hyperinfer.testing.conformance.json_values import parsed, record, short

if TYPE_CHECKING:
    from hyperinfer.testing.conformance.heard import Heard
    from hyperinfer.testing.conformance.said import Object


@dataclass(frozen=True, slots=True)
class Frame:
    """One event. `name`: of its `event:` line, "" without one."""

    name: str
    data: str


def frames(raw: bytes, heard: Heard) -> list[Frame]:
    """The events of a stream; breaches of their framing are noted."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        heard.must(False, "framing", f"no UTF-8: {error}")
        text = raw.decode(errors="replace")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    heard.must(text.endswith("\n\n") or not text, "framing", f"the last event is not ended by a blank line: {text[-60:]!r}")
    found = [frame for block in text.split("\n\n") if (frame := _frame(block, heard))]
    heard.must(found, "framing", "no event at all")
    return found


def _frame(block: str, heard: Heard) -> Frame | None:
    name, data = "", list[str]()
    for line in block.split("\n"):
        if not line or line.startswith(":"):
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "data":
                data.append(value)
            case "event":
                heard.must(not name, "framing", f"two event lines in one event: {name}, {value}")
                name = value
            case "id" | "retry":
                pass
            case _:
                heard.must(False, "framing", f"a line that is no field: {short(line, 80)}")
    heard.must(data or not name, "framing", f"event {name} has no data")
    return Frame(name, "\n".join(data)) if data else None


def document(frame: Frame, heard: Heard) -> Object:
    """The data of an event, which is a JSON object; {} and a breach when it is none."""
    value = record(parsed(frame.data))
    heard.must(value, "framing", f"data is no JSON object: {short(frame.data, 80)}")
    return value
