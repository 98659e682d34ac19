"""The conformance kit: whether a gateway translates between the three formats as their specifications have it.

    async with serving("127.0.0.1", 8765) as upstream:
        report = await run(target, upstream, CHECKS, markers)

It judges by bytes and readers of its own and shares no codec with the gateway of this project. `hyperinfer conformance` is
the same as a command; docs/conformance.md has the checks.
"""

from hyperinfer.testing.conformance.checks import CHECKS, chosen
from hyperinfer.testing.conformance.exchange import Target
from hyperinfer.testing.conformance.results import Cell, Finding, Report, Result
from hyperinfer.testing.conformance.run import run
from hyperinfer.testing.conformance.upstream import Upstream, serving

__all__ = ["CHECKS", "Cell", "Finding", "Report", "Result", "Target", "Upstream", "chosen", "run", "serving"]
