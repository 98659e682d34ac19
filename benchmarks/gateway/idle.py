"""What silent streams hold: the memory of the gateway with thousands of streams open, from which nothing comes.

    python -m benchmarks.gateway.idle [--streams 10000] [--edge NAME]

`make bench-idle`. As many streams as the limit of descriptors allows, if that is fewer.
"""

from __future__ import annotations

import argparse
import resource
import socket
import time
from typing import TYPE_CHECKING

from benchmarks.gateway.load import Job
from benchmarks.gateway.processes import cores, program, raise_file_limit, tree
from benchmarks.gateway.serving import edges, gateway, memory

if TYPE_CHECKING:
    from benchmarks.gateway.measure import Target

AT_ONCE = 64
"""Requests that are begun together."""
SPARE = 500
"""Descriptors for all else. A stream needs one here, and two in the gateway."""


def opened(port: int, request: bytes, count: int) -> list[socket.socket]:
    """So many streams, each of which has given its first bytes."""
    streams: list[socket.socket] = []
    while len(streams) < count:
        batch = [socket.create_connection(("127.0.0.1", port)) for _ in range(min(AT_ONCE, count - len(streams)))]
        for sock in batch:
            sock.settimeout(60)
            sock.sendall(request)
        for sock in batch:
            head = sock.recv(65536)
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"a stream did not begin: {head[:300]!r}")
        streams += batch
    return streams


def main() -> None:
    """Open, wait, look, close."""
    parser = argparse.ArgumentParser(description="What silent streams hold.")
    parser.add_argument("--streams", type=int, default=10_000)
    parser.add_argument("--edge", default=edges()[0])
    arguments = parser.parse_args()
    raise_file_limit()
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    count: int = min(arguments.streams, (limit - SPARE) // 2)
    ours, other = cores()
    with program("upstream", core=other) as upstream:
        port = int(upstream.line())
        with gateway(f"--edge {arguments.edge}", arguments.edge, port, ours) as target:
            _report(target, count, limit)


def _report(target: Target, count: int, limit: int) -> None:
    ask = target.ask("openai_chat", "openai_chat", "idle", streamed=True)
    job = Job(port=target.port, path=ask.path, headers=dict(ask.headers), body=ask.body.decode(), connections=1, seconds=0)
    before, began = memory(tree(*target.pids)), time.monotonic()
    streams = opened(target.port, job.request(), count)
    took = time.monotonic() - began
    time.sleep(1)
    after = memory(tree(*target.pids))
    print(f"{target.name}: {count} silent streams, opened in {took:.0f} s (descriptors: {limit})")
    print(f"worker {before['worker']:.0f} → {after['worker']:.0f} MB, all processes {after['tree']:.0f} MB (goal: ≤ 600)")
    print(f"{(after['worker'] - before['worker']) * 1024 / count:.1f} kB a stream")
    for sock in streams:
        sock.close()


if __name__ == "__main__":
    main()
