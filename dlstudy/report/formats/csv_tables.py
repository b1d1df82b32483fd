"""The trials of a study as CSV: one row per trial, its parameters and metrics as columns."""

import csv
import io
import math
from collections.abc import Sequence
from typing import Any

from dlstudy.analysis.results import StudySummary
from dlstudy.common.text import printable
from dlstudy.report.blocks import Table
from dlstudy.study.trial import TrialRecord, TrialResult, TrialState

__all__ = ["table_csv", "trials_csv"]

_STARTS_A_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # the full-width ones too, for East Asian spreadsheets


def trials_csv(summary: StudySummary) -> str:
    """Every trial, in the order of the record; what a trial does not have is empty, as is a number that is not finite.

    Columns `param.`, `metric.` and `cost.` are those that any trial has. Times are Unix seconds.
    """
    rows = [_columns(summary, trial) for trial in summary.trials]
    heads = list(_columns(summary, None))
    for prefix in ("param.", "metric.", "cost."):
        heads += sorted({head for row in rows for head in row if head.startswith(prefix)})
    return _lines([heads, *([row.get(head) for head in heads] for row in rows)])


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
