"""What the writer does to the console's rows of the embedded store, in its transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

    from hyperinfer.api.store import messages


def keep_token(connection: sqlite3.Connection, request: messages.KeepToken) -> None:
    """One token in the place of the last, whose sessions have ended, signed out of or not."""
    connection.execute("INSERT OR REPLACE INTO console_token VALUES (1, ?, ?)", (request.sha256, request.made_at))
    connection.execute("DELETE FROM console_signed_out")


def sign_out(connection: sqlite3.Connection, request: messages.SignOut) -> None:
    """Marks a session. Those that have expired are forgotten."""
    connection.execute("DELETE FROM console_signed_out WHERE until <= ?", (request.now,))
    connection.execute("INSERT OR IGNORE INTO console_signed_out VALUES (?, ?)", (request.session, request.until))
