"""What a running gateway says of itself to whoever owns its data folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from hyperinfer import __version__

if TYPE_CHECKING:
    from hyperinfer.engine import Drain


class About(msgspec.Struct, frozen=True):
    """`in_flight`: requests. `draining`: it is being stopped."""

    version: str
    pid: int
    in_flight: int
    draining: bool


def about(drain: Drain) -> About:
    """This process."""
    return About(__version__, os.getpid(), drain.in_flight, drain.is_draining)
