"""An estimate of tokens, for requests and replies that nobody has counted."""

from hyperinfer.formats.tokens.estimate import estimate_input, estimate_output
from hyperinfer.formats.tokens.text import TextWeight
from hyperinfer.formats.tokens.written import Written

__all__ = ["TextWeight", "Written", "estimate_input", "estimate_output"]
