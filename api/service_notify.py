"""What systemd is told: that the service is ready, reloads or stops (sd_notify, of the manual page sd_notify(3)).

A datagram of `NAME=value` lines to the socket that NOTIFY_SOCKET names; without the variable nobody is told. Nothing here
waits, and nothing fails because nobody listens.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeAlias

Notify: TypeAlias = Callable[[str], None]
"""Told of a state: READY, RELOADING or STOPPING."""

READY, RELOADING, STOPPING = "READY=1", "RELOADING=1", "STOPPING=1"


def nobody(state: str) -> None:
    """For services that nothing manages."""


def service_manager(environ: Mapping[str, str], monotonic: Callable[[], int] = time.monotonic_ns) -> Notify:
    """The one that started this process, or `nobody`. `monotonic`: nanoseconds."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return nobody
    # An abstract address begins with a zero byte, which no variable can hold.
    where = "\0" + address[1:] if address.startswith("@") else address

    def notify(state: str) -> None:
        # Type=notify-reload wants to know which reload is meant.
        clock = f"MONOTONIC_USEC={monotonic() // 1000}\n" if state == RELOADING else ""
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as peer:
            peer.setblocking(False)
            peer.sendto(f"{state}\n{clock}MAINPID={os.getpid()}\n".encode(), where)

    return notify
