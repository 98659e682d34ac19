"""What the official SDKs need in tests."""

from __future__ import annotations

import sys
from typing import Any, TypeVar

Client = TypeVar("Client")


def on_virtual_time(client: Client) -> Client:
    """Readies an asynchronous client of OpenAI's or Anthropic's SDK for a virtual clock, and returns it.

    Such a client asks a thread for the name of the operating system before its first request, and a virtual clock, which
    cannot see threads, jumps to the next deadline meanwhile. Here it is asked at once. Any other object is left as it is.
    """
    package = type(client).__module__.partition(".")[0]
    anything: Any = client
    if package in ("openai", "anthropic") and getattr(client, "_platform", "") is None:
        anything._platform = sys.modules[f"{package}._base_client"].get_platform()
    return client
