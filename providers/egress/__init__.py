"""The guarded way out: all that a caller can make this gateway fetch goes through it, and only to public addresses."""

from hyperinfer.providers.egress.egress import Egress, Fetched
from hyperinfer.providers.egress.errors import EgressError

__all__ = ["Egress", "EgressError", "Fetched"]
