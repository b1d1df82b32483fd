"""Output of the commands: tables on a terminal, the same as plain text when piped."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook
from rich.segment import Segment
from rich.table import Table as RichTable
from rich.text import Text

from dlstudy.analysis.across import AcrossSummary
from dlstudy.common.text import printable, without_passwords
from dlstudy.report.across import claims_across_table
from dlstudy.report.blocks import Mood, Table, mood_of
from dlstudy.report.export import as_json
from dlstudy.report.tables.arms import tables
from dlstudy.runner.session import Outcome
from dlstudy.store.home import Home

__all__ = ["make_console", "print_across", "print_outcome", "print_rows", "print_table", "store_name"]


def make_console(error: bool = False) -> Console:
    """A console that prints no control characters; wide when piped, so that tables are not folded."""
    console = Console(stderr=error, soft_wrap=False)
    console = console if console.is_terminal else Console(stderr=error, width=200)
    console.push_render_hook(_Printable())
    return console


class _Printable(RenderHook):
    """Removes control characters from texts, but keeps rich's own."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_PrintableText(renderable) for renderable in renderables]


@dataclass(frozen=True)
class _PrintableText:
    whole: ConsoleRenderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self.whole, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


def print_table(console: Console, table: Table) -> None:
    """A table with its title and note."""
    shown = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in table.heads:
        shown.add_column(head, overflow="fold")
    for row in table.rows:
        shown.add_row(*[_styled(cell) for cell in row])
    console.print(Text(table.title, style="bold"))  # not the table's own title, which is folded to its width
    console.print(shown)
    if table.note:
        console.print(Text(table.note, style="dim"))
        console.print()


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


def _styled(cell: str) -> Text:
    styles: dict[Mood | None, str] = {Mood.GOOD: "green", Mood.BAD: "red"}
    return Text(cell, style=styles.get(mood_of(cell), ""))


def store_name(home: Home, storage: str | None) -> str:
    """The location of a record, for a message: its folder, or its URL without the password."""
    return str(home.root) if storage is None else without_passwords(storage)
