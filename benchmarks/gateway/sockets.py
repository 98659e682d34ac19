"""What the kernel holds for each TCP connection of this machine, by its own account (sock_diag(7), Linux)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

_SOCK_DIAG, _BY_FAMILY, _DUMP, _DONE = 4, 20, 0x301, 3
_ESTABLISHED = 1 << 1
_MEMORY = 7
"""The attribute with the socket's memory, and its bit in a request is one less (linux/inet_diag.h)."""
_PROBING = 4
"""The timer that asks again and again whether the peer's window has opened."""


class Held(NamedTuple):
    """One end of a connection over IPv4.

    `sending`, `receiving`: bytes of the kernel's memory that hold what was not acknowledged, and what was not read.
    `send_buffer`, `receive_buffer`: their limits. `window_closed`: the peer takes no more.
    """

    local: int
    remote: int
    sending: int
    receiving: int
    send_buffer: int
    receive_buffer: int
    window_closed: bool


def held() -> Iterator[Held]:
    """Every end of every established connection."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as asking:
        request = struct.pack("BBBxI48x", socket.AF_INET, socket.IPPROTO_TCP, 1 << (_MEMORY - 1), _ESTABLISHED)
        asking.send(struct.pack("=IHHII", 16 + len(request), _BY_FAMILY, _DUMP, 1, 0) + request)
        while True:
            data = asking.recv(1 << 18)
            while data:
                size, kind = struct.unpack_from("=IH", data)
                if kind == _DONE:
                    return
                if kind != _BY_FAMILY:
                    raise OSError("the kernel does not tell of its sockets")
                yield _read(data[16:size])
                data = data[(size + 3) & ~3 :]


def _read(message: bytes) -> Held:
    timer = message[2]
    local, remote = struct.unpack_from(">HH", message, 4)
    at = 72
    while at < len(message):
        size, kind = struct.unpack_from("=HH", message, at)
        if kind == _MEMORY:
            memory = struct.unpack_from("=9I", message, at + 4)
            return Held(local, remote, memory[5], memory[0], memory[3], memory[1], timer == _PROBING)
        at += (size + 3) & ~3
    raise OSError("the kernel does not tell of a socket's memory")
