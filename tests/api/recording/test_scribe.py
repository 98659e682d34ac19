"""What the process that writes is told, and does where all is well. What goes wrong: tests/system/test_scribes.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hyperinfer.api.recording.orders import Order, order_bytes, read_order
from hyperinfer.api.recording.scribe_client import open_scribe_client

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ["20251126T094000.000Z-a", "20251126T094000.000Z-b"]


@pytest.mark.parametrize("order", [Order(7, b"\x00data", "näme", True), Order(2**40, b"")])
def test_orders_are_read_as_they_were_written(order: Order) -> None:
    assert read_order(order_bytes(order)) == order


async def test_files_are_whole_when_they_are_over(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    async with open_scribe_client(folder, 10**9) as client:
        assert client.ready
        assert client.put(Order(1, b"one\n", NAMES[0]))
        assert client.put(Order(2, b"two\n", NAMES[1]))
        assert client.put(Order(1, b"more\n", last=True))
        client.put(Order(2, b"x" * 5_000_000))  # written before the end
    found = {each.name: each.read_bytes() for each in folder.glob("*.jsonl")}
    assert found == {f"{NAMES[0]}.jsonl": b"one\nmore\n", f"{NAMES[1]}.jsonl": b"two\n" + b"x" * 5_000_000}
