"""The `hyperinfer` command. docs/cli.md is its manual.

Importing it costs next to nothing: what a verb needs is loaded when the verb runs.
"""

from hyperinfer.api.cli.program import main

__all__ = ["main"]
