"""A small application for real workers, and the program that supervises them (`python -m tests.api.edge.hosted PLAN`)."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from hyperinfer.api.catalogue_file import CatalogueFile
from hyperinfer.api.catalogue_keeper import CatalogueKeeper
from hyperinfer.api.edge import Dispatch, EdgeSettings, Exchange, StartupFailed
from hyperinfer.api.hosted import Hosted
from hyperinfer.api.supervisor import Plan, supervise
from tests.api.edge.kit import bare

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hyperinfer.api.edge import Handler, Receive, Scope, Send

SETTLING = 0.05


class Draining:
    """Tells the streams that a drain began and when it is over."""

    def __init__(self) -> None:
        self.began = trio.Event()
        self.grace = 0.0

    def begin(self, grace: float) -> None:
        self.grace = grace
        self.began.set()


class Application:
    """What the tests ask for: who answers, streams that settle, a setting that a reload renews."""

    def __init__(self, settings: Mapping[str, object]) -> None:
        self.settings = settings
        self.drain = Draining()
        self.streams = 0
        self.settled: trio.SocketStream | None = None

    def routes(self, path: str) -> Handler | None:
        return {
            "/pid": self.pid,
            "/stream": self.stream,
            "/forever": self.forever,
            "/exit": self.exit,
            "/catalogue": self.show_catalogue,
        }.get(path)

    async def pid(self, exchange: Exchange) -> None:
        await reply(exchange, str(os.getpid()))

    async def show_catalogue(self, exchange: Exchange) -> None:
        await reply(exchange, f"{os.getpid()} {self.settings.get('catalogue', '')}")

    async def exit(self, exchange: Exchange) -> None:
        del exchange
        os._exit(7)

    async def stream(self, exchange: Exchange) -> None:
        """Goes on until the drain's grace is over, then says so and settles before the end."""
        self.streams += 1
        await exchange.read_body(1000)
        await exchange.send_head(200, [])
        await exchange.send_body(b"begin\n")
        await self.drain.began.wait()
        await trio.sleep(self.drain.grace)
        await exchange.send_body(b"draining\n")
        with trio.CancelScope(shield=True):
            await trio.sleep(SETTLING)
            self.note(f"settled {exchange.query.decode()}")
        await exchange.send_last(b"end\n")
        self.streams -= 1

    async def forever(self, exchange: Exchange) -> None:
        """Sends to a client that does not read; settles when it is cut off."""
        await exchange.read_body(1000)
        await exchange.send_head(200, [])
        self.note(f"sending {exchange.query.decode()}")
        try:
            while True:
                await exchange.send_body(bytes(50_000))
        finally:
            self.note(f"settled {exchange.query.decode()}")

    def note(self, line: str) -> None:
        with open(str(self.settings["notes"]), "a", encoding="utf-8") as notes:
            notes.write(line + "\n")

    def _fails(self) -> bool:
        """Whether this process is among those that a file lists."""
        listed = Path(str(self.settings.get("fails") or "none"))
        return listed.exists() and str(os.getpid()) in listed.read_text().split()

    async def reload(self, given: Mapping[str, object]) -> None:
        if self._fails():
            raise ValueError("the new file is wrong")
        self.settings = {**self.settings, **given}

    async def lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.settings.get("fail") == "lifespan":
            raise StartupFailed("the data folder is in use")
        await bare(scope, receive, send)
        self.note(f"closed {os.getpid()}")


async def reply(exchange: Exchange, text: str) -> None:
    await exchange.send_head(200, [(b"content-length", b"%d" % len(text))])
    await exchange.send_last(text.encode())


def build(settings: Mapping[str, object]) -> Hosted:
    """The factory. `fail` names a way not to start; `first` a file that lets only the first worker start."""
    match settings.get("fail"):
        case "refused":
            raise StartupFailed("the catalogue has 3 errors")
        case "bug":
            raise ValueError("boom")
        case "exit":
            os._exit(9)
        case _:
            pass
    first = settings.get("first")
    if first is not None:
        try:
            os.close(os.open(str(first), os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            raise StartupFailed("only once") from None
    application = Application(settings)
    app = Dispatch(application.routes, bare, lifespan=application.lifespan)
    greeting = settings.get("greeting")
    return Hosted(
        app=app,
        drain=application.drain,
        reload=application.reload,
        in_flight=lambda: application.streams,
        greeting=lambda: str(greeting) if greeting else None,
    )


def main() -> int:
    plan = json.loads(sys.argv[1])
    edge = EdgeSettings(**plan.pop("edge"))
    if config := plan["app"].get("config"):
        plan["configuration"] = CatalogueKeeper(CatalogueFile(Path(config), {}), period=0.05)

    def announce(line: str) -> None:
        print(line, flush=True)

    def report(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    async def run() -> int:
        return await supervise(Plan(edge=edge, **plan), announce=announce, report=report)

    return trio.run(run)


if __name__ == "__main__":
    sys.exit(main())
