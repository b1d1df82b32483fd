"""Runs the command line: `python -m dlstudy.cli`."""

import sys

from dlstudy.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
