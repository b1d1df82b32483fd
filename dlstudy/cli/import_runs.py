"""`dlstudy import`: runs of another tool become a file that a study compares with."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from dlstudy.cli.console import print_rows
from dlstudy.common.text import one_line, short_repr
from dlstudy.errors import UsageError
from dlstudy.report.labels import many
from dlstudy.study.elsewhere import read_csv
from dlstudy.tracking.outside_runs import Row, runs_from, write_rows

__all__ = ["import_runs"]

_MOST_SHOWN, _LONGEST = 6, 30


def import_runs(
    source: str, uri: str | None, metrics: Sequence[str], seed: str, where: Sequence[str], output: Path
) -> None:
    """Writes the runs of a source into a CSV file, and prints the arm that reads it; without metrics lists its columns.

    Args:
        source, uri: as of `runs_from`.
        metrics: `test_accuracy=COLUMN` each, or a column that is called like its metric.
        seed: the column with the seeds; empty where they are not known.
        where: `COLUMN=VALUE` each: only runs that have it.
        output: the file to write.

    Raises:
        StudyError: a cell is no number, or a seed is there twice.
        UsageError: there is no such source or column, or no such run.
    """
    rows = _chosen(runs_from(source, uri), where)
    if not metrics:
        _list_columns(rows)
        return
    columns = dict(_pair(text, both=True) for text in metrics)
    known = list(dict.fromkeys(name for row in rows for name in row))
    absent = [name for name in [*columns.values(), *([seed] if seed else [])] if name not in known]
    if absent:
        raise UsageError(f"the runs have no column {short_repr(absent[0])}: known are {', '.join(known)}")
    write_rows(rows, output)
    read_csv(output.resolve(), columns, seed)  # which says what of it a study would refuse
    shown = ", ".join(f'"{metric}": "{column}"' for metric, column in columns.items())
    with_seed = f', seed="{seed}"' if seed else ""
    print(f"{output}: {many(len(rows), 'run')}. The arm, with a name of yours, for the study file beside it:\n")
    print(f'    Arm.from_csv("NAME", "{output.name}", {{{shown}}}{with_seed}, source="{source}"),')


def _chosen(rows: Sequence[Row], where: Sequence[str]) -> list[Row]:
    wanted = dict(_pair(text) for text in where)
    found = [row for row in rows if all(str(row.get(name, "")) == value for name, value in wanted.items())]
    if not found:
        raise UsageError(f"no run has {' and '.join(where)}: leave one out, or correct it")
    return found


def _pair(text: str, *, both: bool = False) -> tuple[str, str]:
    name, mark, value = text.partition("=")
    if not name or not (mark or both):
        raise UsageError(f"--where must be COLUMN=VALUE, got {short_repr(text)}")
    return name, value if mark else name


def _list_columns(rows: Sequence[Row]) -> None:
    values: dict[str, dict[str, None]] = {}
    for row in rows:
        for name, value in row.items():
            values.setdefault(name, {})[one_line(str(value), _LONGEST)] = None
    listed: list[Mapping[str, object]] = [
        {"column": name, "values": ", ".join([*seen][:_MOST_SHOWN]) + (" ..." if len(seen) > _MOST_SHOWN else "")}
        for name, seen in values.items()
    ]
    note = "Name those that are wanted: --metric test_accuracy=COLUMN, --seed COLUMN, --where COLUMN=VALUE."
    print_rows(listed, f"{many(len(rows), 'run')}: their columns", ["column", "values"], False, note)
