"""What the environment says of traces, in the variables that OpenTelemetry's specification has for it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from hyperinfer.api.tracing.sampling import SAMPLERS, Sampler
from hyperinfer.providers.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

CONTENTS: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""Whether spans hold what is asked and answered."""

MOST_BYTES: Final = 65_536
"""Of an attribute of contents, unless the environment says otherwise."""

_CAPTURING: Final = {"true": True, "span_only": True, "false": False, "no_content": False}

LOCAL: Final = "http://localhost:4318/v1/traces"
"""Where a collector listens that runs beside us: what `OTEL_TRACES_EXPORTER=otlp` alone means."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_OURS: Final = ("CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE")
"""What would silently lead to another server than was meant."""


class TracingSettingError(ValueError):
    """A variable that cannot be used. The text names it, and never says what is in one that may hold a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TracingSettings:
    """Where traces go, which, and how. `url`: of the collector's traces. `headers`: sent with them. `timeout`: seconds for
    one request to the collector. `contents`: bytes of each attribute of what is asked and answered; None: spans have none.
    `resource`: attributes of this service. `delay`: seconds for which spans are gathered.
    `most_waiting`, `most_at_once`: spans that wait, and that are sent together. `patience`: seconds for a batch, with all
    that is tried again."""

    url: str
    headers: tuple[tuple[str, Secret], ...] = ()
    compressed: bool = False
    timeout: float = 10.0
    sampler: Sampler = field(default_factory=Sampler)
    contents: int | None = None
    resource: tuple[tuple[str, str], ...] = ()
    delay: float = 5.0
    most_waiting: int = 2048
    most_at_once: int = 512
    patience: float = 30.0

    @property
    def host(self) -> str:
        """For the log."""
        return urlsplit(self.url).netloc


def tracing_settings(environ: Mapping[str, str]) -> TracingSettings | None:
    """None: nothing is traced, which is so unless an endpoint or `OTEL_TRACES_EXPORTER` says otherwise. Raises
    TracingSettingError."""
    read = _Reader(environ)
    exporter = read.text("OTEL_TRACES_EXPORTER") or ""
    if exporter not in ("", "otlp", "none"):
        raise TracingSettingError(f"OTEL_TRACES_EXPORTER: not otlp or none: {exporter!r}")
    url = _url(read) or (LOCAL if exporter == "otlp" else None)
    if url is None or exporter == "none" or (read.text("OTEL_SDK_DISABLED") or "").lower() == "true":
        return None
    _check_ways(read)
    return TracingSettings(
        url=url,
        headers=_headers(read),
        compressed=_compressed(read),
        timeout=read.milliseconds(*_of_otlp("TIMEOUT"), default=10_000),
        sampler=_sampler(read),
        contents=_contents(read),
        resource=_resource(read),
        delay=read.milliseconds("OTEL_BSP_SCHEDULE_DELAY", default=5_000),
        most_waiting=read.count("OTEL_BSP_MAX_QUEUE_SIZE", default=2048),
        most_at_once=read.count("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", default=512),
        patience=read.milliseconds("OTEL_BSP_EXPORT_TIMEOUT", default=30_000),
    )


class _Reader:
    """Variables; one that is set to nothing counts as unset."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str) -> str | None:
        return self._environ.get(name, "").strip() or None

    def first(self, *names: str) -> tuple[str, str] | None:
        """The name and the value of the first that is set."""
        return next(((name, text) for name in names if (text := self.text(name)) is not None), None)

    def milliseconds(self, *names: str, default: int) -> float:
        return self._number(names, default, least=1) / 1000

    def count(self, *names: str, default: int) -> int:
        return self._number(names, default, least=1)

    def _number(self, names: tuple[str, ...], default: int, *, least: int) -> int:
        found = self.first(*names)
        if found is None:
            return default
        name, text = found
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= 10**9:
            raise TracingSettingError(f"{name}: not a whole number from {least} on: {text!r}")
        return int(text)


def _of_otlp(what: str) -> tuple[str, str]:
    """The variable of traces alone, then that of all that is sent by OTLP."""
    return f"OTEL_EXPORTER_OTLP_TRACES_{what}", f"OTEL_EXPORTER_OTLP_{what}"


def _url(read: _Reader) -> str | None:
    for name, path in zip(_of_otlp("ENDPOINT"), ("", "/v1/traces"), strict=True):
        text = read.text(name)
        if text is None:
            continue
        url = _parsed(text)
        if url is None:
            raise TracingSettingError(f"{name}: not the address of a collector, like http://localhost:4318")
        if "@" in url.netloc:
            raise TracingSettingError(f"{name}: must not hold a password: put it into OTEL_EXPORTER_OTLP_HEADERS")
        if not path:
            return text if url.path else f"{text}/"
        return url._replace(path=url.path.rstrip("/") + path).geturl()
    return None


def _parsed(text: str) -> SplitResult | None:
    """None: no address that can be used."""
    if not text.isascii() or not text.isprintable() or " " in text:
        return None
    try:
        url = urlsplit(text)
        usable = url.scheme in ("http", "https") and bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        return None
    return url if usable and not url.fragment else None


def _check_ways(read: _Reader) -> None:
    found = read.first(*_of_otlp("PROTOCOL"))
    if found is not None and found[1] != "http/protobuf":
        raise TracingSettingError(f"{found[0]}: traces are sent by http/protobuf, not by {found[1]!r}")
    for what in _NOT_OURS:
        if (found := read.first(*_of_otlp(what))) is not None:
            raise TracingSettingError(f"{found[0]}: not possible here; certificates are those of SSL_CERT_FILE")


def _compressed(read: _Reader) -> bool:
    found = read.first(*_of_otlp("COMPRESSION"))
    if found is None:
        return False
    name, text = found
    if text not in ("gzip", "none"):
        raise TracingSettingError(f"{name}: not gzip or none: {text!r}")
    return text == "gzip"


def _headers(read: _Reader) -> tuple[tuple[str, Secret], ...]:
    found = read.first(*_of_otlp("HEADERS"))
    if found is None:
        return ()
    headers: list[tuple[str, Secret]] = []
    for key, value in _pairs(*found, what="name=value"):
        if _TOKEN.fullmatch(key) is None or not value.isascii() or not value.isprintable():
            raise TracingSettingError(f"{found[0]}: one of them cannot be a header")
        headers.append((key.lower(), Secret(value)))
    return tuple(headers)


def _resource(read: _Reader) -> tuple[tuple[str, str], ...]:
    found = read.first("OTEL_RESOURCE_ATTRIBUTES")
    attributes = {} if found is None else dict(_pairs(*found, what="key=value"))
    if (name := read.text("OTEL_SERVICE_NAME")) is not None:
        attributes["service.name"] = name
    attributes.setdefault("service.name", "hyperinfer")
    return tuple(attributes.items())


def _pairs(name: str, text: str, *, what: str) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for part in text.split(","):
        if not part.strip():
            continue
        key, equals, value = part.partition("=")
        key = unquote(key.strip())
        if not equals or not key:
            raise TracingSettingError(f"{name}: not a list of {what}, with commas between")
        pairs.append((key, unquote(value.strip())))
    return pairs


def _contents(read: _Reader) -> int | None:
    most = read.count("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", default=MOST_BYTES)
    text = read.text(CONTENTS) or "false"
    captures = _CAPTURING.get(text.lower())
    if captures is None:
        hint = ", as no events are sent" if "event" in text.lower() else ""
        raise TracingSettingError(f"{CONTENTS}: must be true, false, SPAN_ONLY or NO_CONTENT{hint}: {text!r}")
    return most if captures else None


def _sampler(read: _Reader) -> Sampler:
    name = read.text("OTEL_TRACES_SAMPLER") or "parentbased_always_on"
    if name not in SAMPLERS:
        raise TracingSettingError(f"OTEL_TRACES_SAMPLER: not one of {', '.join(SAMPLERS)}: {name!r}")
    parent_based, share = SAMPLERS[name]
    if share is not None:
        return Sampler(parent_based, share)
    text = read.text("OTEL_TRACES_SAMPLER_ARG")
    try:
        share = 1.0 if text is None else float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise TracingSettingError(f"OTEL_TRACES_SAMPLER_ARG: not a share from 0 to 1: {text!r}")
    return Sampler(parent_based, share)
