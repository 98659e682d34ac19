"""What handlers and connections throw in tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httptools
import trio

from tests.api.edge.clients import H1Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.edge.kit import Edge


EXCEPTIONS: dict[str, Callable[[], BaseException]] = {
    "ValueError": lambda: ValueError("boom"),
    "a group": lambda: ExceptionGroup("many", [ValueError("a"), ExceptionGroup("deep", [KeyError("b")])]),
    "BrokenResourceError": lambda: trio.BrokenResourceError("not ours"),
    "EndOfChannel": trio.EndOfChannel,
    "OSError": lambda: OSError(104, "reset"),
    "HttpParserUpgrade": lambda: httptools.HttpParserUpgrade(5),
    "RecursionError": RecursionError,
    "StopAsyncIteration": StopAsyncIteration,
    "SystemExit": lambda: SystemExit(3),
    "a group with SystemExit": lambda: BaseExceptionGroup("mixed", [SystemExit(3), ValueError("c")]),
}


async def still_serves(server: Edge) -> None:
    async with await server.connect() as stream:
        answer = await H1Client(stream).ask("GET", "/fine")
        assert (answer.status, answer.body, answer.complete) == (200, b"hello", True)
