"""What a start costs: seconds to `listening`, CPU time and resident memory of each process of an idle gateway.

    python -m benchmarks.startup [--rounds 5]

Starts `hyperinfer serve` as a user does, with the catalogue in the package and an empty data folder. Linux (reads `/proc`).
Run once before, so that Python has its compiled files, and without `PYTHONDONTWRITEBYTECODE`.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

PROCESSES = ("supervisor", "worker", "writer")


@dataclass(frozen=True)
class Start:
    """Of one start: seconds, and of each process the CPU seconds and MiB (resident; with what is shared divided)."""

    ready: float
    cpu: tuple[float, ...]
    resident: tuple[float, ...]
    proportional: tuple[float, ...]


def tree(process: int) -> list[int]:
    """A process and its descendants."""
    children = [
        int(pid) for task in Path(f"/proc/{process}/task").iterdir() for pid in (task / "children").read_text().split()
    ]
    return [process, *(pid for child in children for pid in tree(child))]


def cpu(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(process: int, kind: str) -> float:
    rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
    return int(rollup.partition(f"\n{kind}:")[2].split()[0]) / 1024


def start() -> Start:
    """Starts a gateway, measures it, ends it."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        command = [sys.executable, "-m", "hyperinfer", "serve", "--port", "0", "--data", folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout is not None
            while not process.stdout.readline().startswith("listening"):
                assert process.poll() is None, "it did not start"
            ready = time.perf_counter() - began
            processes = tree(process.pid)
            measured = Start(
                ready,
                tuple(map(cpu, processes)),
                tuple(memory(each, "Rss") for each in processes),
                tuple(memory(each, "Pss") for each in processes),
            )
            process.send_signal(signal.SIGTERM)
        return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    starts = [start() for _ in range(parser.parse_args().rounds)]
    ready = [each.ready for each in starts]
    print(f"ready after {statistics.median(ready):.2f} s (best {min(ready):.2f})")
    print(f"{'':<12}{'CPU s':>8}{'MiB':>8}{'shared divided':>16}")
    for place, name in enumerate((*PROCESSES, "all")):
        rows = [
            [sum(kind) if name == "all" else kind[place] for kind in (each.cpu, each.resident, each.proportional)]
            for each in starts
        ]
        seconds, resident, proportional = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"{name:<12}{seconds:>8.2f}{resident:>8.1f}{proportional:>16.1f}")


if __name__ == "__main__":
    main()
