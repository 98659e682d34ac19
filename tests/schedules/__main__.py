"""The command line of the schedules: see the package."""

from __future__ import annotations

import argparse
import sys
import time

from tests.schedules.many import replay, run_many


def main() -> int:
    """Exit code 1 where a law was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.schedules")
    parser.add_argument("seed", nargs="?", type=int, help="one schedule, and how it went")
    parser.add_argument("--count", type=int, default=1000, help="of schedules")
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        text, broken = replay(arguments.seed)
        sys.stdout.write(text)
        return int(bool(broken))
    began = time.perf_counter()
    many = run_many(range(arguments.start, arguments.start + arguments.count))
    for kind, count in many.endings.most_common():
        sys.stdout.write(f"{count:8}  {kind}\n")
    for failure in many.failures:
        sys.stdout.write(f"{failure}\n")
    sys.stdout.write(f"{many.ran} schedules in {time.perf_counter() - began:.0f} s, {len(many.failures)} broken\n")
    return int(bool(many.failures))


sys.exit(main())
