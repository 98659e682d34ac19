"""What a run has found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperinfer.testing.conformance.said import Format, Object

Verdict: TypeAlias = Literal["pass", "fail", "unsupported", "unknown"]
"""`unsupported`: the gateway says plainly that it cannot, or the client's format has no place for it and none was made.
`unknown`: it could not be told, for the reason that is given."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A client's format, the upstream's, and whether the answer is a stream."""

    client: Format
    upstream: Format
    streamed: bool

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.client} from {self.upstream}, {'streamed' if self.streamed else 'whole'}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check says of one cell. `expected` and `seen` are short texts, empty where it passed."""

    verdict: Verdict
    expected: str = ""
    seen: str = ""


PASSED = Finding("pass")


def failed(expected: str, seen: str) -> Finding:
    """It does not hold."""
    return Finding("fail", expected, seen)


@dataclass(frozen=True, slots=True)
class Result:
    """A finding, and of what."""

    check: str
    cell: Cell
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckInfo:
    """What a check wants, and where that is written."""

    id: str
    wants: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run. `target`: the gateway's URL. `checks`: what was looked for, in order. `reached`: the upstream was asked."""

    target: str
    checks: Sequence[CheckInfo]
    results: Sequence[Result] = field(default_factory=list[Result])
    reached: bool = True

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many results there are of each verdict."""
        found = Counter(result.finding.verdict for result in self.results)
        verdicts: tuple[Verdict, ...] = ("pass", "fail", "unsupported", "unknown")
        return {verdict: found[verdict] for verdict in verdicts}

    @property
    def clean(self) -> bool:
        """Nothing failed, nothing is unknown, and something passed."""
        counts = self.counts
        return counts["pass"] > 0 and counts["fail"] == counts["unknown"] == 0

    def document(self) -> Object:
        """As JSON."""
        return {
            "target": self.target,
            "clean": self.clean,
            "counts": self.counts,
            "checks": [{"id": check.id, "wants": check.wants, "source": check.source} for check in self.checks],
            "results": [
                {
                    "check": result.check,
                    "client": result.cell.client,
                    "upstream": result.cell.upstream,
                    "streamed": result.cell.streamed,
                    "verdict": result.finding.verdict,
                    "expected": result.finding.expected,
                    "seen": result.finding.seen,
                }
                for result in self.results
            ],
        }
