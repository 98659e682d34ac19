"""The control socket: administration of a running server from the same machine, `control.sock` in the data folder.

One request and one answer at a time on a connection, each a length-prefixed msgpack frame. Only the folder's owner
can connect (mode 0600). What the store refuses comes back as that same refusal. `RemoteAdmin` is the other end and
satisfies the same Protocol as the store itself, so nobody who administers needs to know which of the two it has.
"""

from __future__ import annotations

import logging
import os
import socket
import tempfile
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import msgspec
import trio

from hyperinfer.api.about import About
from hyperinfer.api.store.admin import Admin, CreatedKey
from hyperinfer.api.store.errors import RefusalCode, Refused, StoreUnavailable
from hyperinfer.api.store.frames import FrameReader, FrameTooLong, frame
from hyperinfer.api.store.records import KeyRecord, KeyTerms, LedgerReport, UsageBy, UsageRow, WorkspaceRecord
from hyperinfer.providers.secret import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 600.0
"""A report over a large store may take minutes; anything else is answered at once."""
_REQUEST_LIMIT = 1 << 20
# sun_path has 108 bytes on Linux and 104 elsewhere, its final NUL included.
_ADDRESS_LIMIT = 100


_log = logging.getLogger(__name__)


class _Name(msgspec.Struct):
    name: str
    credits: int


class _Nothing(msgspec.Struct):
    pass


class _Workspace(msgspec.Struct):
    workspace: str


class _Amount(msgspec.Struct):
    workspace: str
    amount: int


class _Terms(msgspec.Struct):
    workspace: str
    terms: KeyTerms


class _MaybeWorkspace(msgspec.Struct):
    workspace: str | None


class _Key(msgspec.Struct):
    key: str


class _Usage(msgspec.Struct):
    by: UsageBy
    workspace: str | None
    since: int | None
    until: int | None


class _Verb(NamedTuple):
    arguments: type[msgspec.Struct]
    result: Any


# The verb is the method of Admin; its arguments by name.
_VERBS: Final[dict[str, _Verb]] = {
    "create_workspace": _Verb(_Name, WorkspaceRecord),
    "workspaces": _Verb(_Nothing, tuple[WorkspaceRecord, ...]),
    "workspace": _Verb(_Workspace, WorkspaceRecord),
    "topup": _Verb(_Amount, WorkspaceRecord),
    "lock": _Verb(_Workspace, WorkspaceRecord),
    "unlock": _Verb(_Workspace, WorkspaceRecord),
    "create_key": _Verb(_Terms, CreatedKey),
    "keys": _Verb(_MaybeWorkspace, tuple[KeyRecord, ...]),
    "enable": _Verb(_Key, KeyRecord),
    "disable": _Verb(_Key, KeyRecord),
    "revoke": _Verb(_Key, KeyRecord),
    "usage": _Verb(_Usage, tuple[UsageRow, ...]),
    "new_console_token": _Verb(_Nothing, Secret),
    "verify_ledger": _Verb(_Nothing, LedgerReport),
    "about": _Verb(_Nothing, About),
}


class _Call(msgspec.Struct):
    verb: str
    arguments: msgspec.Raw


class _Result(msgspec.Struct, tag="result"):
    value: msgspec.Raw


class _Refusal(msgspec.Struct, tag="refused"):
    code: RefusalCode
    message: str


class _Unavailable(msgspec.Struct, tag="unavailable"):
    message: str


_Answer = _Result | _Refusal | _Unavailable


def _encode(value: object) -> bytes:
    return msgspec.msgpack.encode(value, enc_hook=lambda secret: cast("Secret", secret).reveal())


def _decode(data: bytes | msgspec.Raw, shape: Any) -> Any:
    return msgspec.msgpack.decode(data, type=shape, dec_hook=lambda kind, text: kind(text))


async def serve_control(
    admin: Admin,
    path: Path,
    about: Callable[[], About] | None = None,
    *,
    task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer on the socket until cancelled. `about`: what it says of itself, where it says anything.

    The caller holds the data folder's lock, so a socket file found there is a dead server's and is replaced. Raises
    StoreUnavailable when it cannot be made."""
    try:
        listening = _listen(path)
    except OSError as error:
        raise StoreUnavailable(f"cannot make the control socket {path}: {error.strerror}") from error
    async with trio.SocketListener(trio.socket.from_stdlib_socket(listening)) as listener:
        try:
            await trio.serve_listeners(partial(_converse, admin, about), [listener], task_status=task_status)
        finally:
            _remove(path)


def _listen(path: Path) -> socket.socket:
    _remove(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.setblocking(False)
        with short_address(path) as address:
            mask = os.umask(0o177)  # No moment at which others could connect.
            try:
                listening.bind(address)
            finally:
                os.umask(mask)
        listening.listen(16)
    except OSError:
        listening.close()
        raise
    return listening


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        path.unlink()


async def _converse(admin: Admin, about: Callable[[], About] | None, stream: trio.SocketStream) -> None:
    async with stream:
        inbox = FrameReader(_REQUEST_LIMIT)
        # Whatever the other end does is its own affair; it must not reach the server.
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError, FrameTooLong):
            while data := await stream.receive_some():
                inbox.feed(data)
                for payload in inbox.take(len(inbox)):
                    await stream.send_all(frame(_encode(await _answer(admin, about, payload))))


async def _answer(admin: Admin, about: Callable[[], About] | None, payload: bytes) -> _Answer:
    try:
        call = msgspec.msgpack.decode(payload, type=_Call)
        verb = _VERBS.get(call.verb)
        if call.verb == "about" and about is not None:
            return _Result(msgspec.Raw(_encode(about())))
        if verb is None or call.verb == "about":
            return _Refusal("unsupported", f"the running server does not know {call.verb!r}: it is of another version")
        arguments = msgspec.structs.asdict(_decode(call.arguments, verb.arguments))
    except msgspec.DecodeError as error:
        return _Refusal("invalid", f"the running server does not understand this request: {error}")
    try:
        return _Result(msgspec.Raw(_encode(await getattr(admin, call.verb)(**arguments))))
    except Refused as refused:
        return _Refusal(refused.code, refused.message)
    except StoreUnavailable as error:
        return _Unavailable(str(error))
    except Exception:
        # A bug, and it stays the bug of this one request: the server has others to serve.
        _log.exception("administration failed: %s", call.verb)
        return _Unavailable("the running server failed at this; its log says why")


class RemoteAdmin:
    """Admin through a running server. Made by `connect_admin`."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._turn = trio.Lock()

    async def create_workspace(self, name: str, credits: int = 0) -> WorkspaceRecord:
        """See Admin."""
        return cast("WorkspaceRecord", await self._call("create_workspace", _Name(name, credits)))

    async def workspaces(self) -> tuple[WorkspaceRecord, ...]:
        """See Admin."""
        return cast("tuple[WorkspaceRecord, ...]", await self._call("workspaces", _Nothing()))

    async def workspace(self, workspace: str) -> WorkspaceRecord:
        """See Admin."""
        return cast("WorkspaceRecord", await self._call("workspace", _Workspace(workspace)))

    async def topup(self, workspace: str, amount: int) -> WorkspaceRecord:
        """See Admin."""
        return cast("WorkspaceRecord", await self._call("topup", _Amount(workspace, amount)))

    async def lock(self, workspace: str) -> WorkspaceRecord:
        """See Admin."""
        return cast("WorkspaceRecord", await self._call("lock", _Workspace(workspace)))

    async def unlock(self, workspace: str) -> WorkspaceRecord:
        """See Admin."""
        return cast("WorkspaceRecord", await self._call("unlock", _Workspace(workspace)))

    async def create_key(self, workspace: str, terms: KeyTerms) -> CreatedKey:
        """See Admin."""
        return cast("CreatedKey", await self._call("create_key", _Terms(workspace, terms)))

    async def keys(self, workspace: str | None = None) -> tuple[KeyRecord, ...]:
        """See Admin."""
        return cast("tuple[KeyRecord, ...]", await self._call("keys", _MaybeWorkspace(workspace)))

    async def enable(self, key: str) -> KeyRecord:
        """See Admin."""
        return cast("KeyRecord", await self._call("enable", _Key(key)))

    async def disable(self, key: str) -> KeyRecord:
        """See Admin."""
        return cast("KeyRecord", await self._call("disable", _Key(key)))

    async def revoke(self, key: str) -> KeyRecord:
        """See Admin."""
        return cast("KeyRecord", await self._call("revoke", _Key(key)))

    async def usage(
        self, by: UsageBy, workspace: str | None = None, *, since: int | None = None, until: int | None = None
    ) -> tuple[UsageRow, ...]:
        """See Admin."""
        return cast("tuple[UsageRow, ...]", await self._call("usage", _Usage(by, workspace, since, until)))

    async def new_console_token(self) -> Secret:
        """See Admin."""
        return cast("Secret", await self._call("new_console_token", _Nothing()))

    async def verify_ledger(self) -> LedgerReport:
        """See Admin."""
        return cast("LedgerReport", await self._call("verify_ledger", _Nothing()))

    async def about(self) -> About:
        """What the server says of itself. Raises Refused for one that is too old to."""
        return cast("About", await self._call("about", _Nothing()))

    async def _call(self, verb: str, arguments: msgspec.Struct) -> object:
        try:
            request = frame(_encode(_Call(verb, msgspec.Raw(_encode(arguments)))))
        except (OverflowError, UnicodeEncodeError):
            raise Refused("invalid", "an amount is too large, or a text is not valid Unicode") from None
        async with self._turn:
            try:
                with trio.fail_after(ANSWER_SECONDS):
                    await self._stream.send_all(request)
                    answer = await self._receive()
            except (trio.BrokenResourceError, trio.TooSlowError) as error:
                raise StoreUnavailable(
                    "the running server went away without an answer; look whether the change took effect"
                ) from error
        match answer:
            case _Result():
                return _decode(answer.value, _VERBS[verb].result)
            case _Refusal():
                raise Refused(answer.code, answer.message)
            case _Unavailable():
                raise StoreUnavailable(answer.message)

    async def _receive(self) -> _Answer:
        inbox = FrameReader()
        while not len(inbox):
            data = await self._stream.receive_some()
            if not data:
                raise trio.BrokenResourceError
            inbox.feed(data)
        return cast("_Answer", _decode(inbox.take(1)[0], _Answer))


@asynccontextmanager
async def connect_admin(path: Path) -> AsyncGenerator[RemoteAdmin]:
    """Speak to the server behind a control socket. Raises OSError when there is none."""
    with trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        with trio.fail_after(CONNECT_SECONDS), short_address(path) as address:
            await peer.connect(address)
        async with trio.SocketStream(peer) as stream:
            yield RemoteAdmin(stream)


@contextmanager
def short_address(path: Path) -> Generator[str]:
    """An address for the socket at `path`, however long the path is: through a descriptor of its folder where the
    system shows those, else through a short-lived link."""
    if len(os.fsencode(path)) <= _ADDRESS_LIMIT:
        yield os.fspath(path)
    elif Path("/proc/self/fd").is_dir():
        descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield f"/proc/self/fd/{descriptor}/{path.name}"
        finally:
            os.close(descriptor)
    else:
        with tempfile.TemporaryDirectory(prefix="hi-", dir="/tmp") as temporary:
            link = Path(temporary, "d")
            link.symlink_to(path.parent.absolute())
            yield os.fspath(link / path.name)
