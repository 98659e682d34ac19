"""Big bodies at once: how long small requests wait beside them, and what the worker holds.

    python -m benchmarks.gateway.big [--count 8] [--megabytes 30] [--kind session] [--edge NAME]

Each kind of body by itself: an agent's session, one image, or nothing but short messages, which is the most work for a
megabyte. Small requests follow each other on a connection of their own meanwhile.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.gateway.processes import cores, program, tree
from benchmarks.gateway.serving import KEY, ROUTES, edges, gateway, slug
from benchmarks.gateway.spreads import spread
from benchmarks.gateway.wire import compact, long_question, question

PATH = ROUTES["openai_chat"]
MODEL = slug("openai_chat", "burst-100")
HEADERS = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
PAUSE = 0.002
"""Seconds between small requests."""


def session(megabytes: float) -> bytes:
    """A coding agent's."""
    return long_question(MODEL, int(megabytes * 1000))


def image(megabytes: float) -> bytes:
    """One, as base64."""
    data = base64.b64encode(random.Random(1).randbytes(int(megabytes * 750_000))).decode()
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    return compact({"model": MODEL, "messages": [{"role": "user", "content": [part]}]})


def messages(megabytes: float) -> bytes:
    """Of two words each."""
    turns: list[dict[str, Any]] = [
        {"role": ("user", "assistant")[number % 2], "content": f"hi {number}"} for number in range(int(megabytes * 23_000))
    ]
    return compact({"model": MODEL, "messages": turns})


KINDS: dict[str, Callable[[float], bytes]] = {"session": session, "image": image, "messages": messages}


class Client:
    """A connection. `took`: seconds of each answer."""

    def __init__(self, port: int, body: bytes) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        self._body = body
        self.took: list[float] = []

    def ask(self) -> None:
        began = time.monotonic()
        self._connection.request("POST", PATH, self._body, HEADERS)
        response = self._connection.getresponse()
        said = response.read()
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {said[:300]!r}")
        self.took.append(time.monotonic() - began)

    def ask_until(self, over: threading.Event) -> None:
        while not over.is_set():
            self.ask()
            time.sleep(PAUSE)


def largest_mb(pids: list[int], name: str) -> float:
    """`VmRSS` or `VmHWM` of the largest process."""
    lines = (line for pid in pids for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return max(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def measure(port: int, body: bytes, count: int) -> tuple[float, list[float]]:
    """Seconds until all have their answers, and those of the small requests meanwhile."""
    small, over = Client(port, question("openai_chat", MODEL, streamed=False)), threading.Event()
    asking = threading.Thread(target=small.ask_until, args=(over,))
    big = [threading.Thread(target=Client(port, body).ask) for _ in range(count)]
    asking.start()
    time.sleep(0.3)
    small.took.clear()
    began = time.monotonic()
    for each in big:
        each.start()
    for each in big:
        each.join()
    took = time.monotonic() - began
    over.set()
    asking.join()
    return took, small.took


def main() -> None:
    """One gateway for each kind."""
    parser = argparse.ArgumentParser(description="Big bodies at once.")
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--megabytes", type=float, default=30)
    parser.add_argument("--kind", choices=[*KINDS, "all"], default="all")
    parser.add_argument("--edge", default=edges()[0])
    arguments = parser.parse_args()
    ours, other = cores()
    with program("upstream", core=other) as upstream:
        port = int(upstream.line())
        os.sched_setaffinity(0, {other})
        for kind in KINDS if arguments.kind == "all" else [arguments.kind]:
            body = KINDS[kind](arguments.megabytes)
            with gateway(f"--edge {arguments.edge}", arguments.edge, port, ours) as target:
                pids = tree(*target.pids)
                before = largest_mb(pids, "VmRSS")
                took, waits = measure(target.port, body, arguments.count)
                most, after = largest_mb(pids, "VmHWM"), largest_mb(pids, "VmRSS")
                found = {name: f"{value * 1000:.1f} ms" for name, value in spread(waits).items() if name != "count"}
                print(f"{kind}: {arguments.count} of {len(body) / 1e6:.1f} MB in {took:.1f} s")
                print(f"  small requests meanwhile: {len(waits)}, {json.dumps(found)}")
                print(f"  the worker: {before:.0f} MB before, {most:.0f} at most, {after:.0f} after", flush=True)


if __name__ == "__main__":
    main()
