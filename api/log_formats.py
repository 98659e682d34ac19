"""What a line of the log looks like: text for a person, or an object of JSON for a collector. An event is one line."""

from __future__ import annotations

import logging
import re
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

LogFormat: TypeAlias = Literal["text", "json"]

REQUEST: Final[ContextVar[str]] = ContextVar("REQUEST", default="")
"""The bare id of the request that a task works on, "" for none. Tasks that it starts have it too."""

_ID: Final = re.compile(r"[0-9a-z]{9}[0-9a-v]{16}")
"""As `ids.RequestIds` makes them."""

_NOT_SHOWN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]|\n")
"""What ends a line or steers a terminal."""


def request_of(record: logging.LogRecord) -> str:
    """The id of the request that a line is about, "" where it is about none: that of the task that says it; of a task that
    works for many, the first value in the line that is an id."""
    if request := REQUEST.get():
        return request
    values = record.args if isinstance(record.args, tuple) else ()
    return next((each for each in values if isinstance(each, str) and _ID.fullmatch(each)), "")


class Form(Protocol):
    """How events become lines; without their ends."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record, several of text where there is a traceback."""
        ...

    def info(self, name: str, seconds: float, message: str, fields: Mapping[str, Any]) -> bytes:
        """That of an event of level INFO, with its end. `seconds`: unix. `fields`: what JSON has of it beside `message`."""
        ...


class TextForm(logging.Formatter):
    """`DATE TIME,MILLISECONDS LEVEL NAME MESSAGE`, in local time. A line about a request that does not name it ends with
    `request=ID`. The second is written out once.

    Messages have words of upstreams, files and clients in them: what would begin another line there, or steer a terminal,
    is written as `\\n`, `\\x1b`. Lines of a traceback are set in, so that none of them looks like a line of ours.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s %(message)s")
        self._second, self._text = -1, ""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = _on_one_line(record.message)
        line = super().formatMessage(record)
        request = REQUEST.get()
        return f"{line} request={request}" if request and request not in record.message else line

    def formatException(self, ei: Any) -> str:
        return _set_in(super().formatException(ei))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return self.time(record.created)

    def time(self, seconds: float) -> str:
        """Of unix seconds."""
        second = int(seconds)
        if second != self._second:
            self._second, self._text = second, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        return f"{self._text},{int((seconds - second) * 1000):03d}"

    def info(self, name: str, seconds: float, message: str, fields: Mapping[str, Any]) -> bytes:
        """See `Form`: the message says it all."""
        return f"{self.time(seconds)} INFO    {name} {message}\n".encode("utf-8", "backslashreplace")


class JsonForm(logging.Formatter):
    """`{"time", "level", "logger", "message", "request_id"?, "exception"?, …}`; the time in UTC. `exception`: its
    traceback."""

    def __init__(self) -> None:
        super().__init__()
        self._second, self._text = -1, ""
        self._encode = msgspec.json.Encoder().encode

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.time(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": _sayable(record.getMessage()),
        }
        if request := request_of(record):
            line["request_id"] = request
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            line["exception"] = _sayable(record.exc_text)
        return self._encode(line).decode()

    def time(self, seconds: float) -> str:
        """Of unix seconds."""
        second = int(seconds)
        if second != self._second:
            self._second, self._text = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._text}.{int((seconds - second) * 1000):03d}Z"

    def info(self, name: str, seconds: float, message: str, fields: Mapping[str, Any]) -> bytes:
        """See `Form`."""
        line = {"time": self.time(seconds), "level": "INFO", "logger": name, "message": message, **fields}
        return self._encode(line) + b"\n"


def _on_one_line(text: str) -> str:
    """As it is where it has nothing that ends a line or steers a terminal."""
    return text if text.isprintable() else _NOT_SHOWN.sub(lambda found: ascii(found[0])[1:-1], text)


def _set_in(text: str) -> str:
    """Some lines, none of which begins as one of ours."""
    return "\n".join(["  " + _on_one_line(line) for line in text.split("\n")])


def _sayable(text: str) -> str:
    """Without halves of characters, which no JSON can hold."""
    return text.encode("utf-8", "backslashreplace").decode()


def form_of(format: LogFormat) -> TextForm | JsonForm:
    """That of a name."""
    return JsonForm() if format == "json" else TextForm()
