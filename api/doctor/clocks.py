"""What time others think it is."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hyperinfer.api.doctor.finding import Findings

WARN_SECONDS: Final = 5.0
PROBLEM_SECONDS: Final = 60.0
"""From here on certificates, days of the ledger and expiries of keys come out wrong."""
_FIX = "let both follow the network's time (`timedatectl set-ntp true`; in a container: its host)"


def http_date(text: str | None) -> float | None:
    """Unix seconds of a `Date` header, at the middle of its second; None for one that cannot be read."""
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, TypeError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() + 0.5


def compare(findings: Findings, name: str, theirs: float, asked: float, answered: float) -> None:
    """Tells how far a clock is from ours. All in unix seconds; the other was read between `asked` and `answered`."""
    ahead = theirs - (asked + answered) / 2
    apart = max(0.0, abs(ahead) - (answered - asked) / 2)
    text = f"its clock is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    if apart >= PROBLEM_SECONDS:
        findings.problem(name, text, _FIX, seconds_ahead=round(ahead, 3))
    elif apart >= WARN_SECONDS:
        findings.warning(name, text, _FIX, seconds_ahead=round(ahead, 3))
    else:
        findings.ok(name, "its clock agrees with this machine's", seconds_ahead=round(ahead, 3))
