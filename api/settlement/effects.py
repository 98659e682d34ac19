"""What the machine wants done, and the records it moves around. Plain values: nothing here does anything.

R is a request id everywhere: the one idempotency key of a request's hold, record and row. Money is pico-USD.
"""

from __future__ import annotations

import msgspec


class Hold(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Money set aside for R until it is settled. `about`: enough to write its row if nothing more is ever heard of it."""

    request: str
    workspace: str
    amount: int
    about: bytes = b""

    def of(self, amount: int) -> Hold:
        """The same hold of another amount."""
        return Hold(self.request, self.workspace, amount, self.about)


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What R comes to: its row, as the store keeps it. `interrupted`: only that it was admitted is known of it, so a real
    record that turns up later takes its place."""

    request: str
    workspace: str
    cost: int
    body: bytes = b""
    interrupted: bool = False


class Balance(msgspec.Struct, frozen=True):
    """A workspace's balance as of a commit; of two, the one of the higher version is true."""

    workspace: str
    amount: int
    version: int


# Effects on the hold store ####################################################


class TakeHold(msgspec.Struct, frozen=True):
    """Check the balance and take a hold in one step; a repeat finds it taken. Answer: `hold_taken`, `hold_refused`."""

    hold: Hold


class KeepHold(msgspec.Struct, frozen=True):
    """Put a hold (back), whatever the balance: its money is being spent, or is. Not after a `DropHold` of the same R."""

    hold: Hold


class DropHold(msgspec.Struct, frozen=True):
    """Give a hold back, and refuse it if it is taken or kept later: messages may overtake each other. `cost`: what was spent
    of it. `balance`: to be taken over in the same step, unless a newer one is known. Answer: `hold_dropped`."""

    hold: Hold
    cost: int = 0
    balance: Balance | None = None


class RenewLeases(msgspec.Struct, frozen=True):
    """These holds have a living owner."""

    holds: tuple[Hold, ...]


# Effects on the journal #######################################################


class Begun(msgspec.Struct, frozen=True, array_like=True, tag="begun"):
    """The head of a journal: whose requests follow, by the name that the ledger has in its database."""

    ledger: str


class Admitted(msgspec.Struct, frozen=True, array_like=True, tag="admitted"):
    """R was let in."""

    hold: Hold


class Settled(msgspec.Struct, frozen=True, array_like=True, tag="settled"):
    """R came to this."""

    record: Record


class Done(msgspec.Struct, frozen=True, array_like=True, tag="done"):
    """Nothing is owed to R any more."""

    request: str


class Quarantined(msgspec.Struct, frozen=True, array_like=True, tag="quarantined"):
    """The database will never take R's record; a person has to look at it."""

    request: str
    reason: str


Entry = Begun | Admitted | Settled | Done | Quarantined


class Append(msgspec.Struct, frozen=True):
    """Write an entry, without waiting for the disk: it survives the process, not the machine. Failure: `journal_failed`,
    told before anything else of the same batch of effects is carried out."""

    entry: Entry


class Sync(msgspec.Struct, frozen=True):
    """Bring all that was written to the disk. Answer: `synced`, `journal_failed`."""

    request: str


# Effects on the database and the caller #######################################


class Commit(msgspec.Struct, frozen=True):
    """Write the row and move the balance in one transaction, only if the row was not there (or was an interrupted one).
    Answer: `committed`, `rejected`, `commit_failed`; and `late` once, if none of them has come in time."""

    record: Record


class Admit(msgspec.Struct, frozen=True):
    """Tell the caller that R may go upstream."""

    request: str


class Refuse(msgspec.Struct, frozen=True):
    """Tell the caller that R may not go upstream: the hold store says no, or (`broken`) nothing can be recorded."""

    request: str
    broken: bool = False


class End(msgspec.Struct, frozen=True):
    """Tell the caller that R's client may see its end: it is durable. Not `well`: it is not, and the client is told so."""

    request: str
    well: bool


Effect = TakeHold | KeepHold | DropHold | RenewLeases | Append | Sync | Commit | Admit | Refuse | End
