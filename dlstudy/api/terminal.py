"""A terminal as the place where runs are shown: bars and tables, and plain lines where output is piped."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from rich import box
from rich.console import Console, ConsoleOptions, ConsoleRenderable, Group, RenderHook
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.segment import Segment
from rich.table import Table as RichTable
from rich.text import Text

from dlstudy.analysis.formatting import NOTHING
from dlstudy.api.progress import Display, View
from dlstudy.common.text import printable
from dlstudy.report.blocks import Mood, Table, mood_of
from dlstudy.study.events import Totals

_BETWEEN = 3
"""Blanks between two columns."""
_MOST_FOLDED = 3
"""How many times a terminal's width the text of a table may need."""

__all__ = ["Detail", "TerminalDisplay", "make_console", "make_view", "print_table", "rich_table"]


def make_console(error: bool = False) -> Console:
    """A console that prints no control characters; wide when piped, so that tables are not folded."""
    console = Console(stderr=error, soft_wrap=False)
    console = console if console.is_terminal else Console(stderr=error, width=200)
    console.push_render_hook(_Printable())
    return console


def print_table(console: Console, table: Table) -> None:
    """A table with its title and note; a paragraph for each row where the terminal is too narrow for columns."""
    console.print(Text(table.title, style="bold"))  # not the table's own title, which is folded to its width
    fits = not console.is_terminal or _fits(table, console.width)  # a program that reads on wants lines
    console.print(rich_table(table) if fits else Group(*_paragraphs(table)))
    if table.note:
        console.print(Text(table.note, style="dim"))
        console.print()


def _fits(table: Table, width: int) -> bool:
    """Whether columns of this width in all break no word, and fold no text too often."""
    columns = list(zip(table.heads, *table.rows, strict=True))
    words = [max(map(len, " ".join(cells).split()), default=0) for cells in columns]
    texts = [max(map(len, cells)) for cells in columns]
    between = _BETWEEN * len(columns)
    return sum(words) + between <= width and sum(texts) + between <= _MOST_FOLDED * width


def _paragraphs(table: Table) -> Iterator[Padding]:
    """Each row as its first cell, and below it the others behind their heads, without those that say nothing."""
    for first, *others in table.rows:
        yield Padding(Text(first, style="bold"), (1, 0, 0, 0))
        cells = [
            Text.assemble((f"{head}: ", "dim"), _styled(cell))
            for head, cell in zip(table.heads[1:], others, strict=True)
            if cell not in ("", NOTHING)
        ]
        yield Padding(Text("; ").join(cells), (0, 0, 0, 2))
    yield Padding("", 0)


def rich_table(table: Table) -> RichTable:
    """A table without its title and note."""
    shown = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in table.heads:
        shown.add_column(head, overflow="fold")
    for row in table.rows:
        shown.add_row(*[_styled(cell) for cell in row])
    return shown


class Detail(StrEnum):
    """How much of a run is shown while it goes on."""

    QUIET = "quiet"
    """Nothing."""
    USUAL = "usual"
    """Bars on a terminal, a line for each trial elsewhere."""
    VERBOSE = "verbose"
    """A line for each epoch and for each trial."""


@dataclass(frozen=True)
class TerminalDisplay(Display):
    """Shows runs on a console."""

    console: Console
    detail: Detail = Detail.USUAL

    def view(self) -> View:
        """The place for one run's progress."""
        return make_view(self.console, self.detail)

    def say(self, line: str, style: str = "") -> None:
        """Prints a line, if it is not to be quiet."""
        if self.detail is not Detail.QUIET:
            self.console.print(Text(line, style=style))


def make_view(console: Console, detail: Detail = Detail.USUAL) -> View:
    """A view of so much."""
    if detail is Detail.QUIET:
        return _Nothing()
    if detail is Detail.VERBOSE or not console.is_terminal:
        return _Lines(console, shows_epochs=detail is Detail.VERBOSE)
    return _Bars(console)


class _Nothing(View):
    """Shows nothing."""

    def update(self, totals: Totals, line: str, left: str, best: Mapping[tuple[str, str], str]) -> None:
        pass

    def say(self, line: str) -> None:
        pass

    def close(self) -> None:
        pass


class _Lines(View):
    """Prints a line for each trial, and for each epoch if it is to."""

    def __init__(self, console: Console, *, shows_epochs: bool) -> None:
        self._console, self.shows_epochs = console, shows_epochs

    def update(self, totals: Totals, line: str, left: str, best: Mapping[tuple[str, str], str]) -> None:
        if line:
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def say(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, style="dim")

    def close(self) -> None:
        pass


class _Bars(View):
    """Shows one bar for each phase and arm."""

    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("{task.description:<24}", markup=False),
            BarColumn(24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[best]}"),
        )
        self._console = console
        self._progress = Progress(*columns, console=console)
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._overall: TaskID | None = None

    def update(self, totals: Totals, line: str, left: str, best: Mapping[tuple[str, str], str]) -> None:
        self._progress.start()
        for part, (done, wanted) in totals.items():
            if part not in self._tasks:
                self._tasks[part] = self._progress.add_task(" ".join(part), total=wanted, best="")
            self._progress.update(self._tasks[part], completed=done, total=wanted, best=best.get(part, ""))
        if self._overall is None:
            self._overall = self._progress.add_task("all", total=1, best="")
        done, wanted = (sum(numbers) for numbers in zip(*totals.values(), strict=True))
        self._progress.update(self._overall, completed=done, total=wanted, best=left)

    def say(self, line: str) -> None:
        """Prints a line above the bars."""
        self._console.print(line, highlight=False, markup=False, style="dim")

    def close(self) -> None:
        self._progress.stop()


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


def _styled(cell: str) -> Text:
    styles: dict[Mood | None, str] = {Mood.GOOD: "green", Mood.BAD: "red"}
    return Text(cell, style=styles.get(mood_of(cell), ""))
