"""Tests that are too long for every change: `make faults` (`DLSTUDY_FAULTS=full`) runs these too."""

import os

import pytest

FULL = os.environ.get("DLSTUDY_FAULTS") == "full"
in_full_form = pytest.mark.skipif(not FULL, reason="in the full form only: make faults")


def also_in_full_form(*values):
    """Further values of a parameter, for the full form only."""
    return [pytest.param(value, marks=in_full_form) for value in values]
