"""The trials of a study as CSV or Parquet: one row per trial, its parameters and metrics as columns."""

import csv
import io
import math
from collections.abc import Sequence
from typing import Any

from dlstudy.analysis.results import StudySummary
from dlstudy.common.text import printable
from dlstudy.report.blocks import Table
from dlstudy.study.trial import TrialRecord, TrialResult, TrialState

__all__ = ["table_csv", "trials_csv", "trials_parquet"]

_STARTS_A_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # the full-width ones too, for East Asian spreadsheets


def trials_csv(summary: StudySummary) -> str:
    """Every trial, in the order of the record; what a trial does not have is empty, as is a number that is not finite.

    Columns `param.`, `metric.` and `cost.` are those that any trial has. Times are Unix seconds.
    """
    heads, rows = _table(summary)
    return _lines([heads, *([row.get(head) for head in heads] for row in rows)])


def trials_parquet(summary: StudySummary) -> bytes:
    """The same rows and columns with their types, as Parquet, and `history.` with a value for each epoch.

    A column whose values have several types is text.
    """
    import pyarrow as pa
    from pyarrow import parquet

    heads, rows = _table(summary)
    for row, trial in zip(rows, summary.trials, strict=True):
        row |= {f"history.{name}": list(series) for name, series in trial.history.items()}
    heads += sorted({head for row in rows for head in row if head.startswith("history.")})
    columns = {}
    for head in heads:
        values = [row.get(head) for row in rows]
        try:
            columns[head] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            columns[head] = pa.array([None if value is None else str(value) for value in values])
    buffer = io.BytesIO()
    parquet.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def _table(summary: StudySummary) -> tuple[list[str], list[dict[str, Any]]]:  # Any: JSON scalars
    """The heads of the columns, and the cells of each trial by head."""
    rows = [_columns(summary, trial) for trial in summary.trials]
    heads = list(_columns(summary, None))
    for prefix in ("param.", "metric.", "cost."):
        heads += sorted({head for row in rows for head in row if head.startswith(prefix)})
    return heads, rows


def table_csv(table: Table) -> str:
    """A table of a report, with its heads."""
    return _lines([table.heads, *table.rows])


def _columns(summary: StudySummary, trial: TrialRecord | None) -> dict[str, Any]:  # Any: JSON scalars
    """A trial's cells by head; without one the heads alone."""
    own = ("phase", "arm", "search", "number", "index", "seed", "state", "value", "run_id", "setting_key", "started_s")
    result = (trial.result if trial else None) or TrialResult(TrialState.RUNNING)
    cells = {
        "study": summary.study,
        "variant": str(summary.variant),
        **{name: getattr(trial, name, None) for name in (*own, "ended_s")},
        **{name: getattr(result, name) for name in ("reason", "slot", "trained_by")},
        "remarks": "; ".join(result.remarks),
    }
    if trial is None:
        return cells
    parts = (("param", trial.params), ("metric", result.metrics), ("cost", result.cost))
    return cells | {f"{part}.{name}": value for part, values in parts for name, value in values.items()}


def _lines(rows: Sequence[Sequence[Any]]) -> str:  # Any: JSON scalars
    text = io.StringIO()
    csv.writer(text).writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:  # Any: a JSON scalar
    """A cell that no spreadsheet reads as a formula: text that begins like one and is no number gets an apostrophe."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.lstrip().startswith(_STARTS_A_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
