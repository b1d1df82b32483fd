"""Reads records of version 1 in the form of this version: everything that is read in two forms is here.

Version 1 called the index of a trial `row`, and kept how it was trained, with all remarks, in one text, `way`. Names of
parts and variants in that version are read by `RecordName.parse` and `Variant.parse`.
"""

from collections.abc import Mapping
from typing import Any

__all__ = ["DESCRIBED", "upgraded_attributes", "upgraded_result"]

DESCRIBED = frozenset({"index", "seed", "tuned", "params"})
"""The attributes of a trial that say what it trains."""


def upgraded_attributes(attributes: Mapping[str, Any]) -> Mapping[str, Any]:  # Any: JSON
    """The attributes of a trial, the index under its present name."""
    if "row" not in attributes:
        return attributes
    return {"index" if name == "row" else name: value for name, value in attributes.items()}


def upgraded_result(result: Mapping[str, Any]) -> Mapping[str, Any]:  # Any: JSON
    """The result of a trial, with what trained it apart from the remarks."""
    if not isinstance(result.get("way"), str):
        return result
    way, *remarks = result["way"].split("; ")
    trained_by, _, why = way.partition(": ")
    kept = {name: value for name, value in result.items() if name != "way"}
    return {**kept, "trained_by": trained_by or None, "remarks": [why, *remarks] if why else remarks}
