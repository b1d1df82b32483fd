"""Pieces of the text of a study that `dlstudy new` writes."""

import json
import os
from pathlib import Path

__all__ = ["as_text", "path_text", "table_text"]


def as_text(value: str) -> str:
    """A text as Python writes it, in double quotes."""
    return json.dumps(value, ensure_ascii=False)


def path_text(path: Path) -> str:
    """A path as a study states it: from the current folder, with slashes."""
    return as_text(os.path.relpath(path).replace(os.sep, "/"))


def table_text(rows: Path, target: str | None) -> str:
    """The call that reads a table in a file."""
    reader = "parquet" if rows.suffix.lower() == ".parquet" else "csv"
    return f"Data.{reader}({path_text(rows)}, target={as_text(target or '')})"
