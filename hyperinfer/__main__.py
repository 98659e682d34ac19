"""`python -m hyperinfer` is the same program as the `hyperinfer` command."""

import sys

from hyperinfer.api.cli import main

if __name__ == "__main__":
    sys.exit(main())
