"""Settles for ever on the given folder and prints each id once it is acknowledged. Its test kills it."""

from __future__ import annotations

import sys
from pathlib import Path

import trio

from hyperinfer.api.store.errors import Refused
from tests.api.store.samples import USD, a_generation, a_store


async def main(folder: Path, life: str) -> None:
    async with a_store(folder) as store:
        try:
            workspace = await store.workspace("lab")
        except Refused:
            workspace = await store.create_workspace("lab", USD)

        async def caller(name: int) -> None:
            number = 0
            while True:
                number += 1
                id_ = f"{life}-{number:06}-{name}"
                await store.settle(a_generation(id_, workspace.id, 7))
                sys.stdout.write(f"{id_}\n")
                sys.stdout.flush()

        async with trio.open_nursery() as nursery:
            for name in range(8):
                nursery.start_soon(caller, name)


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]), sys.argv[2])
