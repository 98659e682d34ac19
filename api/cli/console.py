"""`hyperinfer console …`"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.api.cli.administration import administer
from hyperinfer.api.cli.invocation import DONE
from hyperinfer.api.given_secrets import CONSOLE_TOKEN

if TYPE_CHECKING:
    from hyperinfer.api.cli.invocation import Invocation


def token(invocation: Invocation) -> int:
    """Make another token, and print it alone."""
    from hyperinfer.api.openapi.admin_records import ConsoleToken

    made = ConsoleToken(administer(invocation, lambda admin: admin.new_console_token()).reveal())
    if invocation.environ.get(CONSOLE_TOKEN):
        invocation.output.note(f"warning: {CONSOLE_TOKEN} is set: a gateway that has it takes that, and not this one")
    invocation.output.result(made, lambda console: console.print(made.token))
    return DONE
