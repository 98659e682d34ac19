"""The program, run as tests of the command line run it."""

from tests.api.cli.conftest import cli

__all__ = ["cli"]
