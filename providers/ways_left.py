"""A transport of somebody else's to one origin, which is left some day: closed when the last of its requests is over."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import httpx2
import trio

CLOSING_SECONDS: Final = 1.0
"""For goodbyes to servers that do not listen."""


class Leavable(httpx2.AsyncBaseTransport):
    """Counts the requests under way on `inner`."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner, self._under_way, self._left = inner, 0, False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """As `inner`. Raises `httpx2.TransportError`."""
        self._under_way += 1
        try:
            response = await self._inner.handle_async_request(request)
        except BaseException:
            await self._over()
            raise
        stream = response.stream
        assert isinstance(stream, httpx2.AsyncByteStream)
        body = _Body(stream, self._over)
        return httpx2.Response(response.status_code, headers=response.headers, stream=body, extensions=response.extensions)

    async def leave(self) -> None:
        """Closes every connection, once nothing is under way."""
        self._left = True
        if not self._under_way:
            await self._close()

    async def aclose(self) -> None:
        """Closes every connection now."""
        await self._inner.aclose()

    async def _over(self) -> None:
        self._under_way -= 1
        if self._left and not self._under_way:
            await self._close()

    async def _close(self) -> None:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSING_SECONDS):
            await self._inner.aclose()


class _Body(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, over: Callable[[], Awaitable[None]]) -> None:
        self._inner, self._over = inner, over
        self._open = True

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._inner.__aiter__()

    async def aclose(self) -> None:
        if self._open:
            self._open = False
            try:
                await self._inner.aclose()
            finally:
                await self._over()
