"""Who we say we are to servers."""

from functools import cache
from importlib import metadata


@cache
def user_agent() -> str:
    """Our name and version, as installed: the version in the source belongs to a layer above."""
    try:
        return f"hyperinfer/{metadata.version('hyperinfer')}"
    except metadata.PackageNotFoundError:
        return "hyperinfer"
