"""Output of the commands: tables on a terminal, the same as plain text when piped."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from dlstudy.analysis.across import AcrossSummary
from dlstudy.api.terminal import make_console, print_table
from dlstudy.common.text import without_passwords
from dlstudy.errors import RecordError
from dlstudy.report.across import claims_across_table
from dlstudy.report.blocks import Table
from dlstudy.report.export import as_json
from dlstudy.report.tables.arms import tables
from dlstudy.runner.session import Outcome
from dlstudy.store.home import Home

__all__ = ["print_across", "print_outcome", "print_rows", "require_results", "store_name"]


def print_rows(
    rows: Sequence[Mapping[str, Any]], title: str, heads: Sequence[str], json: bool, note: str = ""
) -> None:  # Any: JSON
    """Prints rows as a table of these columns with a note, or all of them as JSON."""
    if json:
        sys.stdout.write(as_json(rows))
        return
    print_table(make_console(), Table(title, heads, [[str(row[head]) for head in heads] for row in rows], note))


def print_outcome(console: Console, outcome: Outcome, next_steps: Sequence[str]) -> None:
    """Prints the end of a run: question, tables, remarks, answer with its scope, next steps."""
    summary = outcome.summary
    console.print()
    console.print(Text(summary.question, style="bold"))
    console.print()
    for table in tables(summary):
        print_table(console, table)
    notes = [
        *summary.notes,
        *[f"failed check: {check.text}" for check in summary.checks if not check.passed],
        *summary.remarks,
        *[f"{arm.name}: {note}" for arm in summary.arms for note in arm.notes],
        *outcome.remarks,
    ]
    _print_end(console, notes, (summary.answer, summary.scope), outcome.n_trained, next_steps)


def print_across(
    console: Console, summary: AcrossSummary, remarks: Sequence[str], n_trained: int, next_steps: Sequence[str]
) -> None:
    """Prints the end of runs on several data sets: question, table, notes, answer with its scope, next steps."""
    console.print(Text(f"\n{summary.question}\n", style="bold"))
    table = claims_across_table(summary)
    if table.rows:
        print_table(console, table)
    _print_end(console, [*summary.notes, *remarks], (summary.answer, summary.scope), n_trained, next_steps)


def _print_end(
    console: Console, notes: Sequence[str], answer: tuple[str, str], n_trained: int, next_steps: Sequence[str]
) -> None:
    """Prints notes, the answer with its scope, and next steps."""
    for note in notes:
        console.print(Text(f"note: {note}", style="yellow"))
    console.print(Text(f"\n{answer[0]}", style="bold"))
    if answer[1]:
        console.print(Text(answer[1], style="dim"))
    done = f"{n_trained} trainings" if n_trained else "nothing was missing, no trainings"
    console.print(Text(f"\n{done}. Next steps:", style="dim"))
    for step in next_steps:
        console.print(Text(f"  {step}"), soft_wrap=True)
    sys.stdout.flush()


def require_results(study: str, known: Sequence[str], place: str) -> None:
    """Checks that a record has results of a study.

    Args:
        study: its name.
        known: the studies of the record.
        place: of the record, as of `store_name`.

    Raises:
        RecordError: it has none.
    """
    if study not in known:
        raise RecordError(f"no results of {study!r} in {place}: known are {', '.join(known) or 'none'}")


def store_name(home: Home, storage: str | None) -> str:
    """The location of a record, for a message: its folder, or its URL without the password."""
    return str(home.root) if storage is None else without_passwords(storage)
