"""`hyperinfer serve`: everything that can be known to be wrong is told before anything starts."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hyperinfer.api.cli.catalogue_choice import choose_catalogue, open_catalogue
from hyperinfer.api.cli.first_words import first_words
from hyperinfer.api.cli.interrupt import passes_over_hangups
from hyperinfer.api.cli.invocation import CommandRefused
from hyperinfer.api.cli.server_words import Words, words_of
from hyperinfer.api.custom_nodes.process import Looks
from hyperinfer.api.service_notify import service_manager
from hyperinfer.api.settings import (
    DATA,
    SERVE_FLAGS,
    Settings,
    SharedServers,
    check_settings,
    read_settings,
    unknown_variables,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hyperinfer.api.catalogue_file import CatalogueFile
    from hyperinfer.api.cli.invocation import Invocation
    from hyperinfer.api.configuration import Configuration
    from hyperinfer.api.edge.settings import EdgeSettings
    from hyperinfer.api.recording.settings import RecordSettings
    from hyperinfer.api.service_notify import Notify
    from hyperinfer.api.store.folder import DataFolder, FolderLock
    from hyperinfer.api.supervisor import Plan
    from hyperinfer.providers.catalogue import Limits

FACTORY: Final = "hyperinfer.api.app:build"
PATIENCE_SECONDS: Final = 5.0
"""So long another process may hold the data folder without answering: a server that ends, or a command on its way."""
_AGAIN_SECONDS = 0.05


def given_settings(invocation: Invocation) -> Settings:
    """What the command line and the environment say. Raises SettingError."""
    names = (*(flag.attribute for flag in SERVE_FLAGS), DATA.name)
    return read_settings({name: getattr(invocation.arguments, name) for name in names}, invocation.environ)


def check_together(settings: Settings, environ: Mapping[str, str]) -> None:
    """Raises SettingsConflict for impossible combinations, CommandRefused for a certificate or a proxy that is none, and for
    a setting of traces that cannot be used."""
    check_settings(settings)
    _check_certificate(settings)
    _check_proxies(environ)
    _check_tracing(environ)


def _check_proxies(environ: Mapping[str, str]) -> None:
    from hyperinfer.providers.proxies import Proxies, ProxySettingError

    try:
        Proxies.of(environ)
    except ProxySettingError as error:
        raise CommandRefused("settings", str(error)) from None


def _check_tracing(environ: Mapping[str, str]) -> None:
    from hyperinfer.api.tracing.settings import TracingSettingError, tracing_settings

    try:
        tracing_settings(environ)
    except TracingSettingError as error:
        raise CommandRefused("settings", str(error)) from None


def serve(invocation: Invocation) -> int:
    """Serve until told to stop."""
    with passes_over_hangups():
        return _serve(invocation)


def _serve(invocation: Invocation) -> int:
    settings = given_settings(invocation)
    check_together(settings, invocation.environ)
    config = choose_catalogue(settings.config, invocation.folder)
    file = open_catalogue(config, invocation.environ, Looks(invocation.environ))
    catalogue = file.current()
    words = words_of(invocation.output, settings)
    data = invocation.folder / settings.data
    mixed_up = _folder(data).of_the_other_mode(shared=settings.shared is not None)
    for warning in (*catalogue.warnings, *unknown_variables(invocation.environ), *([mixed_up] if mixed_up else [])):
        words.note(f"warning: {warning}")
    if settings.record is not None:
        record = replace(settings.record, folder=invocation.folder / settings.record.folder)
        settings = replace(settings, record=record)
        _make_folder(record)
    output = invocation.output
    first = settings.shared is None and not output.json and not (data / "hyperinfer.db").exists()

    def more(url: str) -> list[str]:
        return first_words(url, catalogue, console=settings.console) if first else []

    with take_folder(data) if settings.shared is None else share_folder(data) as lock:
        greeting = None if settings.shared is None else _first_start(settings, settings.shared, invocation)
        plan = plan_of(settings, catalogue.limits, config=config, data=data, lock=lock, json=output.json)
        plan, room = _fitted(replace(plan, configuration=_keeper(file)))
        manager = service_manager(invocation.environ)
        return _supervise(plan, words, [room, *([greeting] if greeting else [])], manager, more)


def _make_folder(record: RecordSettings) -> None:
    """That of recordings. Raises CommandRefused where it cannot be written to."""
    from hyperinfer.api.recording.folder import RecordingFolder

    try:
        RecordingFolder(record.folder, record.folder_bytes).create()
    except (FileExistsError, NotADirectoryError):
        raise CommandRefused("settings", f"--record: {record.folder} is no folder, or lies in none") from None
    except OSError as error:
        raise CommandRefused("settings", f"--record: cannot write to {record.folder}: {error.strerror or error}") from None


def _keeper(file: CatalogueFile) -> Configuration:
    from hyperinfer.api.catalogue_keeper import CatalogueKeeper

    return CatalogueKeeper(file.absolute())


def _first_start(settings: Settings, servers: SharedServers, invocation: Invocation) -> str | None:
    """Of the shared store: here, once for all workers. Raises StoreUnavailable, Refused."""
    import trio

    from hyperinfer.api.first_start import first_start
    from hyperinfer.api.store.errors import StoreAway
    from hyperinfer.api.store.open import open_shared_admin_alone

    async def starting() -> str | None:
        try:
            async with open_shared_admin_alone(servers) as admin:
                return await first_start(
                    admin, invocation.environ, invocation.output, now=invocation.now(), console=settings.console
                )
        except StoreAway as error:
            # Other gateways have made the first start.
            return f"warning: {error}: serving keys and accounts that Redis knows until it is back"

    return trio.run(starting)


def _fitted(plan: Plan) -> tuple[Plan, str]:
    """The plan with as many connections as this machine has descriptors for, and the words for that."""
    from hyperinfer.api.process_limits import connections_within, raise_file_limit

    descriptors = raise_file_limit()
    connections = connections_within(descriptors, plan.edge.max_connections)
    each = "" if plan.workers == 1 else " for each worker"
    words = f"up to {connections} connections{each}; open files: {'no limit' if descriptors is None else descriptors}"
    return replace(plan, edge=replace(plan.edge, max_connections=connections)), words


def _supervise(
    plan: Plan, words: Words, greetings: Sequence[str], notify: Notify, more: Callable[[str], Sequence[str]]
) -> int:
    """`greetings`: what there is to say once it listens, beside what the workers say. `notify`: of systemd. `more`: what
    else there is to say, by its address."""
    import trio

    from hyperinfer.api.supervisor import supervise

    listening = False

    def announce(line: str) -> None:
        nonlocal listening
        url = line.removeprefix("listening ")
        words.event({"event": "listening", "url": url}, line)
        if not listening:
            for greeting in (*greetings, *more(url)):
                words.note(greeting)
        listening = True

    def report(line: str) -> None:
        # Before it has listened, whatever is reported is why it does not start.
        if listening:
            words.note(line)
        else:
            words.error("not_started", line)

    async def supervising() -> int:
        return await supervise(plan, announce=announce, report=report, notify=notify)

    return trio.run(supervising)


def plan_of(
    settings: Settings, limits: Limits, *, config: Path | None, data: Path, lock: FolderLock, json: bool = False
) -> Plan:
    """What the supervisor is to run. Paths become absolute: a worker need not know where we were started.

    `lock`: the data folder's, which the worker gets. `json`: how it says what happens.
    """
    from hyperinfer.api.supervisor import Plan

    app = {
        "config": None if config is None else str(config.absolute()),
        "data": str(data.absolute()),
        "lock": lock.descriptor,
        "outage": settings.outage,
        "console": settings.console,
        "record": None if settings.record is None else settings.record.told(),
        "tls": settings.certfile is not None,
        "json": json,
        "log_format": settings.log_format,
        "log_level": settings.log_level,
        "metrics": settings.metrics,
    }
    return Plan(
        bind=settings.bind,
        factory=FACTORY,
        app=app,
        edge=_edge_settings(settings, limits),
        workers=settings.workers,
        handed=(lock.descriptor,),
    )


def take_folder(data: Path) -> FolderLock:
    """The lock of the data folder, for as long as we serve. Makes the folder.

    Raises FolderInUse at once when another server answers there; waits a while for a command that is at it, for a server
    that starts or ends, and for the last requests of one that was killed.
    """
    from hyperinfer.api.store.errors import FolderInUse
    from hyperinfer.api.store.folder import FolderLock

    folder = _folder(data)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return FolderLock.acquire(folder)
        except FolderInUse as error:
            if (_answers(folder.control_socket) and not error.ending) or time.monotonic() >= deadline:
                raise
            time.sleep(_AGAIN_SECONDS)


def _folder(data: Path) -> DataFolder:
    from hyperinfer.api.store.folder import DataFolder

    return DataFolder(data)


def share_folder(data: Path) -> FolderLock:
    """The data folder for a gateway of the shared store, whose journals lie there; others of its kind may be there too.
    Makes the folder. Raises FolderInUse beside an embedded store."""
    from hyperinfer.api.store.folder import FolderLock

    return FolderLock.share(_folder(data))


def _answers(control_socket: Path) -> bool:
    """Whether a server listens there; the socket of a dead one may be left."""
    from hyperinfer.api.control import short_address

    with socket.socket(socket.AF_UNIX) as peer, suppress(OSError), short_address(control_socket) as address:
        peer.settimeout(_AGAIN_SECONDS)
        peer.connect(address)
        return True
    return False


def _edge_settings(settings: Settings, limits: Limits) -> EdgeSettings:
    from hyperinfer.api.edge.settings import EdgeSettings

    return EdgeSettings(
        edge=settings.edge or EdgeSettings().edge,
        grace=limits.grace,
        write_deadline=limits.write,
        certfile=None if settings.certfile is None else str(settings.certfile),
        keyfile=None if settings.keyfile is None else str(settings.keyfile),
    )


def _check_certificate(settings: Settings) -> None:
    if settings.certfile is None or settings.keyfile is None:
        return
    import ssl

    for name, path in (("--certfile", settings.certfile), ("--keyfile", settings.keyfile)):
        if not path.is_file():
            raise CommandRefused("settings", f"{name}: there is no file {path}")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.certfile, settings.keyfile, password="")
    except (OSError, ValueError) as error:
        raise CommandRefused(
            "settings", f"{settings.certfile} and {settings.keyfile} are not a certificate with its key: {error}"
        ) from None
