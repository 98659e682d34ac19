"""What the audit of a ledger can find, in words: the same of every store. Amounts are pico-USD."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST: Final = 1000
"""That are listed; a ledger that is wrong throughout is not told row by row."""
AND_MORE: Final = "… and more"


def wrong_balance(id_: str, name: str, balance: int, total: int) -> str:
    """A balance that is not the sum of its ledger rows."""
    return f"workspace {id_} ({name}): the balance is {balance}, its ledger rows add up to {total} pico-USD"


def wrong_spent(id_: str, name: str, spent: int, total: int) -> str:
    """What a workspace is said to have spent, where that is not what its usage adds up to."""
    return f"workspace {id_} ({name}): {spent} are said to be spent, its usage adds up to {total} pico-USD"


def nobodys_rows(id_: str, total: int) -> str:
    """Ledger rows of a workspace that is not there."""
    return f"workspace {id_}: does not exist, but has ledger rows of {total} pico-USD"


def wrong_entry(request: str, amount: int, cost: int | None, booked: str, used: str | None) -> str:
    """A ledger row that is not that of its generation: of another amount or another workspace, or there is none."""
    if cost is None:
        return f"request {request}: a ledger row of {amount} pico-USD without a generation"
    return f"request {request}: the ledger says {amount} of {booked}, the generation {cost} of {used}"


def no_entry(id_: str) -> str:
    """A generation that was never booked."""
    return f"request {id_}: a generation without a ledger row"


def wrong_sum(day: int, workspace: str, key: str, model: str) -> str:
    """A sum of a day that is not that of its rows."""
    return f"the sums of day {day}, {workspace}, {key}, {model} are not those of its generations"


def wrong_arithmetic(id_: str, cost: int, details: str) -> Iterator[str]:
    """What is wrong with the lines of a bill, whose details are JSON."""
    total = 0
    try:
        for line in json.loads(details)["lines"]:
            total += line["cost"]
            if line["tokens"] * line["price"] != line["cost"]:
                yield f"request {id_}: {line['bucket']}: {line['tokens']} x {line['price']} is not {line['cost']}"
    except (ValueError, KeyError, TypeError):
        yield f"request {id_}: the details of the bill cannot be read"
        return
    if total != cost:
        yield f"request {id_}: the cost is {cost}, its lines add up to {total} pico-USD"
