"""The settings of a gateway process: flags, and the environment variables that say the same. Pure; reads no file.

A flag `--name` is also `HYPERINFER_NAME`; the flag wins, and a variable that is set to nothing counts as unset. What
concerns models, providers and limits stands in `providers.yaml` instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar, cast

from hyperinfer.api import values
from hyperinfer.api.given_secrets import CONSOLE_TOKEN, check_bootstrap, console_token
from hyperinfer.api.given_secrets import SettingError as SettingError
from hyperinfer.api.recording.settings import RecordSettings
from hyperinfer.api.values import did_you_mean

if TYPE_CHECKING:
    from hyperinfer.providers.secret import Secret

T = TypeVar("T")

PREFIX: Final = "HYPERINFER_"
DEFAULT_CONFIG: Final = Path("providers.yaml")
DEFAULT_DATA: Final = Path("data")
DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8080
OUTAGES: Final = ("journal", "refuse")
"""What becomes of new requests while Postgres is away: served and journaled, or refused."""


class SettingsConflict(Exception):
    """Settings that are fine one by one, and together impossible. The message says what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag(Generic[T]):
    """A flag of `serve`: `--name VALUE`, or `HYPERINFER_NAME` (`--a-name`: `HYPERINFER_A_NAME`). Without `value` it is a
    switch."""

    name: str
    value: str
    help: str
    read: Callable[[str], T]

    @property
    def variable(self) -> str:
        return PREFIX + self.attribute.upper()

    @property
    def attribute(self) -> str:
        """Its name in what a command line was read to."""
        return self.name.replace("-", "_")


def _text(text: str) -> str:
    if not text:
        raise ValueError("empty")
    return text


def _path(text: str) -> Path:
    return Path(_text(text))


def _edge(text: str) -> str:
    # Loads the whole edge, which only those need who name one.
    from hyperinfer.api.edge.edges import EDGES

    if text not in EDGES:
        raise ValueError(f"not one of {', '.join(sorted(EDGES))}: {text!r}")
    return text


HOST = Flag(
    name="host", value="HOST", help="where to listen (default: 127.0.0.1; all interfaces: 0.0.0.0 or ::)", read=_text
)
PORT = Flag(name="port", value="PORT", help="the port (default: 8080; 0 picks a free one)", read=values.port)
WORKERS = Flag(name="workers", value="N", help="worker processes (default: 1)", read=values.count)
CONFIG = Flag(
    name="config", value="FILE", help="the catalogue (default: ./providers.yaml, else the one in the package)", read=_path
)
CERTFILE = Flag(name="certfile", value="FILE", help="TLS certificate chain, PEM; needs --keyfile", read=_path)
KEYFILE = Flag(name="keyfile", value="FILE", help="the certificate's private key, PEM", read=_path)
EDGE = Flag(name="edge", value="NAME", help="who speaks HTTP/1.1 with clients: lean (default) or stock", read=_edge)
OUTAGE = Flag(
    name="outage",
    value="NAME",
    help="shared mode, while Postgres is away: journal (default: requests are served and journaled) or refuse",
    read=values.one_of(*OUTAGES),
)
RECORD = Flag(name="record", value="FOLDER", help="record requests: one file each, for replay (default: none)", read=_path)
RECORD_SAMPLE = Flag(
    name="record-sample", value="SHARE", help="so many of them, from 0 to 1, by chance (default: 1, all)", read=values.share
)
RECORD_MB = Flag(
    name="record-mb",
    value="N",
    help="most MiB of the folder; the oldest go (default: 1024)",
    read=values.count,
)
RECORD_FILE_MB = Flag(
    name="record-file-mb", value="N", help="most MiB of one file; the rest is left out (default: 16)", read=values.count
)
RECORD_BODIES = Flag(
    name="record-bodies",
    value="on|off",
    help="off: only how long bodies are, and when they came (default: on)",
    read=values.switch,
)
CONSOLE = Flag(name="console", value="on|off", help="the pages at / for operators (default: on)", read=values.switch)
SERVER = Flag(
    name="server", value="URL", help="the gateway to administer, over HTTP, instead of a data folder", read=values.server_url
)
DATA = Flag(name="data", value="FOLDER", help="accounts, keys and the ledger (default: ./data)", read=_path)
LOG_FORMAT = Flag(
    name="log-format",
    value="NAME",
    help="the log's lines: text (default) or json, an object each",
    read=values.one_of("text", "json"),
)
LOG_LEVEL = Flag(
    name="log-level",
    value="NAME",
    help="the least that is logged: info (default; a line for each request), warning or error",
    read=values.one_of("info", "warning", "error"),
)
METRICS = Flag(
    name="metrics",
    value="NAME",
    help="who reads /metrics: who has HYPERINFER_METRICS_TOKEN (token, the default), anybody (open), nobody (off)",
    read=values.one_of("token", "open", "off"),
)
JSON = Flag(name="json", value="", help="JSON instead of text for people", read=values.switch)

SERVE_FLAGS: Final[tuple[Flag[str] | Flag[int] | Flag[float] | Flag[bool] | Flag[Path], ...]] = (
    HOST,
    PORT,
    WORKERS,
    CONFIG,
    CERTFILE,
    KEYFILE,
    EDGE,
    OUTAGE,
    RECORD,
    RECORD_SAMPLE,
    RECORD_MB,
    RECORD_FILE_MB,
    RECORD_BODIES,
    LOG_FORMAT,
    LOG_LEVEL,
    METRICS,
    CONSOLE,
)
OTHER_VARIABLES: Final = {
    "HYPERINFER_POSTGRES_URL": "shared mode: the database (needs the next one too)",
    "HYPERINFER_REDIS_URL": "shared mode: counters and holds",
    "HYPERINFER_INTERNAL_TOKEN": "the token of the platform's internal routes",
    "HYPERINFER_METRICS_TOKEN": "the token of who reads /metrics",
    CONSOLE_TOKEN: "the token that signs in to the console, at least 16 characters (default: one is made)",
    "HYPERINFER_BOOTSTRAP_KEY": "the API key of the first start, beginning with hi-",
    "HYPERINFER_BOOTSTRAP_CREDITS": "the credits of the first start in USD (default: 100)",
}
"""Secrets come by environment alone: a command line is seen by every user of a machine."""

_SCHEMES: Final = {
    "HYPERINFER_POSTGRES_URL": ("postgresql://", "postgres://"),
    "HYPERINFER_REDIS_URL": ("redis://", "rediss://", "unix://"),
}


def known_variables() -> frozenset[str]:
    """Every variable that means something."""
    flags = (DATA, JSON, SERVER, *SERVE_FLAGS)
    return frozenset({*(flag.variable for flag in flags), *OTHER_VARIABLES})


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each variable that looks like one of ours and is none: somebody may have misspelt it."""
    known = known_variables()
    return [
        f"{name} is set and means nothing to serve{did_you_mean(name, known, cutoff=0.8)}"
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known
    ]


def read_flag(flag: Flag[T], given: Mapping[str, str | None], environ: Mapping[str, str]) -> T | None:
    """The value of a flag: of the command line (`given`, text by name), else of the environment, else None.

    Raises SettingError.
    """
    text, name = given.get(flag.attribute), f"--{flag.name}"
    if text is None:
        text, name = environ.get(flag.variable) or None, flag.variable
    if text is None:
        return None
    try:
        return flag.read(text)
    except ValueError as error:
        raise SettingError(f"{name}: {error}") from None


class SharedServers(NamedTuple):
    """Where Postgres and Redis are: URLs, with their passwords."""

    postgres: Secret
    redis: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a gateway process is started with. `config` None: not named, `edge` None: the default one."""

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    workers: int = 1
    config: Path | None = None
    data: Path = DEFAULT_DATA
    edge: str | None = None
    certfile: Path | None = None
    keyfile: Path | None = None
    outage: str = OUTAGES[0]
    record: RecordSettings | None = None
    log_format: str = "text"
    log_level: str = "info"
    metrics: str = "token"
    console: bool = True
    postgres_url: Secret | None = None
    redis_url: Secret | None = None

    @property
    def shared(self) -> SharedServers | None:
        """The servers of the shared mode; None for the embedded one. Raises SettingsConflict for one without the other."""
        return _together(self.postgres_url, self.redis_url)

    @property
    def bind(self) -> str:
        """As listening sockets are named: `127.0.0.1:8080`, `[::1]:8080`."""
        host = self.host.removeprefix("[").removesuffix("]")
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


def read_settings(given: Mapping[str, str | None], environ: Mapping[str, str]) -> Settings:
    """From flags (text by name; None or absent: not given) and the environment.

    Raises SettingError for the first value that cannot be read.
    """

    def read(flag: Flag[T], default: T) -> T:
        value = read_flag(flag, given, environ)
        return default if value is None else value

    check_bootstrap(environ)
    console_token(environ)
    return Settings(
        host=read(HOST, DEFAULT_HOST),
        port=read(PORT, DEFAULT_PORT),
        workers=read(WORKERS, 1),
        config=read_flag(CONFIG, given, environ),
        data=read(DATA, DEFAULT_DATA),
        edge=read_flag(EDGE, given, environ),
        certfile=read_flag(CERTFILE, given, environ),
        keyfile=read_flag(KEYFILE, given, environ),
        outage=read(OUTAGE, OUTAGES[0]),
        record=_record_settings(given, environ),
        log_format=read(LOG_FORMAT, "text"),
        log_level=read(LOG_LEVEL, "info"),
        metrics=read(METRICS, "token"),
        console=read(CONSOLE, True),
        postgres_url=_secret("postgres_url", environ),
        redis_url=_secret("redis_url", environ),
    )


def _record_settings(given: Mapping[str, str | None], environ: Mapping[str, str]) -> RecordSettings | None:
    folder = read_flag(RECORD, given, environ)
    fields: dict[str, tuple[Flag[float] | Flag[int] | Flag[bool], float | None]] = {
        "sample": (RECORD_SAMPLE, read_flag(RECORD_SAMPLE, given, environ)),
        "folder_mb": (RECORD_MB, read_flag(RECORD_MB, given, environ)),
        "file_mb": (RECORD_FILE_MB, read_flag(RECORD_FILE_MB, given, environ)),
        "bodies": (RECORD_BODIES, read_flag(RECORD_BODIES, given, environ)),
    }
    stated = {name: value for name, (_, value) in fields.items() if value is not None}
    if folder is not None:
        return RecordSettings(folder=folder, **cast("dict[str, Any]", stated))
    for flag, value in fields.values():
        if value is not None:
            raise SettingError(f"--{flag.name}: there is no --record, the folder that it speaks of")
    return None


def shared_servers(environ: Mapping[str, str]) -> SharedServers | None:
    """The servers of the shared mode; None for the embedded one. Raises SettingsConflict for one without the other."""
    return _together(_secret("postgres_url", environ), _secret("redis_url", environ))


def _together(postgres: Secret | None, redis: Secret | None) -> SharedServers | None:
    if postgres is not None and redis is not None:
        return SharedServers(postgres, redis)
    if postgres is None and redis is None:
        return None
    there, missing = ("POSTGRES", "REDIS") if redis is None else ("REDIS", "POSTGRES")
    raise SettingsConflict(
        f"{PREFIX}{there}_URL is set and {PREFIX}{missing}_URL is not: the shared mode needs both, the embedded none"
    )


def check_settings(settings: Settings) -> None:
    """Raises SettingsConflict for what no gateway could be started with."""
    shared = settings.shared
    if settings.workers > 1 and shared is None:
        raise SettingsConflict(
            f"{settings.workers} workers need the shared mode (HYPERINFER_POSTGRES_URL and HYPERINFER_REDIS_URL);"
            " without it one worker serves: leave out --workers, and HYPERINFER_WORKERS"
        )
    if settings.outage != OUTAGES[0] and shared is None:
        raise SettingsConflict(f"--outage {settings.outage} needs the shared mode: without it there is no Postgres")
    record = settings.record
    if record is not None and record.file_mb > record.folder_mb:
        raise SettingsConflict(
            f"--record-file-mb {record.file_mb} is more than --record-mb {record.folder_mb}: no file of that size could stay"
        )
    if (settings.certfile is None) != (settings.keyfile is None):
        there, absent = ("--certfile", "--keyfile") if settings.keyfile is None else ("--keyfile", "--certfile")
        raise SettingsConflict(f"{there} is given and {absent} is not: TLS needs both")


def _secret(name: str, environ: Mapping[str, str]) -> Secret | None:
    # The package that it lies in is heavy, and this module is loaded for every help page.
    from hyperinfer.providers.secret import Secret

    variable = PREFIX + name.upper()
    text = environ.get(variable)
    if not text:
        return None
    if not text.startswith(_SCHEMES[variable]):
        # Not the text itself: there may be a password in it.
        raise SettingError(f"{variable}: must begin with {' or '.join(_SCHEMES[variable])}")
    return Secret(text)
