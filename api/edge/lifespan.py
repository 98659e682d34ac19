"""The ASGI lifespan of an application, driven strictly.

hypercorn's own driver goes on without the lifespan when the application throws while it starts, says "started" in the
same instant in which a start failed, and goes on serving when the lifespan dies later. Behind our lifespan live the
stores: without them nothing may be served, so here each of the three ends the worker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import trio

if TYPE_CHECKING:
    from hyperinfer.api.edge.asgi import AsgiApp, Message, Scope


class StartupFailed(Exception):
    """The application did not start. The text is for the operator."""


class LifespanFailed(Exception):
    """The application's lifespan ended by itself while the server was serving, or failed while it shut down."""


class Lifespan:
    """`run` in a nursery; `state` is copied into every connection; `ended` is set when it is over, for any reason."""

    def __init__(self, app: AsgiApp) -> None:
        self.state: dict[str, object] = {}
        self.ended = trio.Event()
        self.failure: LifespanFailed | None = None
        self._app = app
        self._started = False
        self._sent_startup = False
        self._stop = trio.Event()
        self._refusal: str | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """`started()` once the application is ready. Raises StartupFailed before that, nothing but Cancelled after."""
        self._status = task_status
        scope: Scope = {"type": "lifespan", "asgi": {"spec_version": "2.0", "version": "3.0"}, "state": self.state}
        cause: BaseException | None = None
        try:
            await self._app(scope, self._receive, self._send)
        except (Exception, SystemExit) as error:
            cause = error
        finally:
            self.ended.set()
        if not self._started:
            refusal = self._refusal or _words(cause) or "the application ended before it had started"
            raise StartupFailed(refusal) from cause
        if cause is not None or self._refusal is not None or not self._stop.is_set():
            self.failure = LifespanFailed(self._refusal or _words(cause) or "the application ended by itself")
            self.failure.__cause__ = cause

    async def shut_down(self, seconds: float) -> None:
        """Tells the application to end and waits at most so long. Raises LifespanFailed when it failed or is late."""
        self._stop.set()
        with trio.move_on_after(seconds):
            await self.ended.wait()
        if not self.ended.is_set():
            raise LifespanFailed(f"the application did not shut down within {seconds:g} s")
        if self.failure is not None:
            raise self.failure

    async def _receive(self) -> Message:
        if not self._sent_startup:
            self._sent_startup = True
            await trio.lowlevel.checkpoint()
            return {"type": "lifespan.startup"}
        await self._stop.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        await trio.lowlevel.checkpoint()
        match message["type"]:
            case "lifespan.startup.complete":
                self._started = True
                self._status.started()
            case "lifespan.startup.failed" | "lifespan.shutdown.failed":
                self._refusal = message.get("message") or "the application gave no reason"
            case _:
                # "lifespan.shutdown.complete": the application returns after it.
                pass


def _words(error: BaseException | None) -> str:
    """The text of an exception, of the first leaf where it is a group."""
    first = cast("Any", error)
    while isinstance(first, BaseExceptionGroup):
        first = cast("Any", first).exceptions[0]
    return "" if error is None else (str(first) or type(first).__name__)
