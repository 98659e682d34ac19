"""`hyperinfer serve`: everything that can be known to be wrong is told before anything starts."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hyperinfer.api.cli.catalogue_choice import choose_catalogue, load_catalogue
from hyperinfer.api.cli.invocation import CommandRefused
from hyperinfer.api.settings import DATA, SERVE_FLAGS, Settings, check_settings, read_settings

if TYPE_CHECKING:
    from hyperinfer.api.cli.invocation import Invocation
    from hyperinfer.api.edge.settings import EdgeSettings
    from hyperinfer.api.supervisor import Plan
    from hyperinfer.providers.catalogue import Limits

FACTORY: Final = "hyperinfer.api.app:build"
PATIENCE_SECONDS: Final = 5.0
"""So long another process may hold the data folder without answering: a server that ends, or a command on its way."""
_AGAIN_SECONDS = 0.05


def given_settings(invocation: Invocation) -> Settings:
    """What the command line and the environment say. Raises SettingError."""
    names = (*(flag.name for flag in SERVE_FLAGS), DATA.name)
    return read_settings({name: getattr(invocation.arguments, name) for name in names}, invocation.environ)


def check_together(settings: Settings) -> None:
    """Raises SettingsConflict for impossible combinations, CommandRefused for a certificate that is none."""
    check_settings(settings)
    _check_certificate(settings)


def serve(invocation: Invocation) -> int:
    """Serve until told to stop."""
    settings = given_settings(invocation)
    check_together(settings)
    config = choose_catalogue(settings.config, invocation.folder)
    catalogue = load_catalogue(config, invocation.environ)
    for warning in catalogue.warnings:
        invocation.output.note(f"warning: {warning}")
    data = invocation.folder / settings.data
    wait_for_folder(data)

    import trio

    from hyperinfer.api.supervisor import supervise

    # The supervisor's own lines go through `report`; what libraries log is for the operator as well.
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    plan = plan_of(settings, catalogue.limits, config=config, data=data)
    output = invocation.output
    listening = False

    def announce(line: str) -> None:
        nonlocal listening
        listening = True
        output.event({"event": "listening", "url": line.removeprefix("listening ")}, line)

    def report(line: str) -> None:
        # Before it has listened, whatever is reported is why it does not start.
        if listening:
            output.note(line)
        else:
            output.error("not_started", line)

    async def supervising() -> int:
        return await supervise(plan, announce=announce, report=report)

    return trio.run(supervising)


def plan_of(settings: Settings, limits: Limits, *, config: Path | None, data: Path) -> Plan:
    """What the supervisor is to run. Paths become absolute: a worker need not know where we were started."""
    from hyperinfer.api.supervisor import Plan

    return Plan(
        bind=settings.bind,
        factory=FACTORY,
        app={"config": None if config is None else str(config.absolute()), "data": str(data.absolute())},
        edge=_edge_settings(settings, limits),
        workers=settings.workers,
    )


def wait_for_folder(data: Path) -> None:
    """Raises FolderInUse when another server has the folder; waits while one is ending. Makes the folder."""
    from hyperinfer.api.store.errors import FolderInUse
    from hyperinfer.api.store.folder import DataFolder, FolderLock

    folder = DataFolder(data)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            # Only a look: the worker takes the lock for itself.
            FolderLock.acquire(folder).release()
        except FolderInUse:
            if folder.control_socket.exists() or time.monotonic() >= deadline:
                raise
            time.sleep(_AGAIN_SECONDS)
        else:
            return


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
