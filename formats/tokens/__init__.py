"""An estimate of tokens, for requests and replies that nobody has counted."""

from hyperinfer.formats.tokens.estimate import estimate_input, estimate_output
from hyperinfer.formats.tokens.text import TextWeight

__all__ = ["TextWeight", "estimate_input", "estimate_output"]
