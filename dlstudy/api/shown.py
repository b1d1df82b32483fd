"""What a call gives to look at: tables, as text in a terminal and as HTML in a notebook."""

import html
import io
from abc import ABC, abstractmethod

from rich.console import Console

from dlstudy.api.terminal import print_table
from dlstudy.common.text import printable
from dlstudy.report.blocks import Table

__all__ = ["Shown"]


class Shown(ABC):
    """Something that shows itself as tables, and as lines below them."""

    @abstractmethod
    def tables(self) -> list[Table]:
        """The tables."""

    def lines(self) -> list[str]:
        """The lines below them."""
        return []

    def __repr__(self) -> str:
        console = Console(file=io.StringIO(), width=140)
        for table in self.tables():
            print_table(console, table)
        stream = console.file
        assert isinstance(stream, io.StringIO)
        return printable("\n".join([stream.getvalue().rstrip("\n"), *self.lines()]))

    def _repr_html_(self) -> str:
        parts = [part for table in self.tables() for part in _html_of(table)]
        return "\n".join([*parts, *(f"<p>{html.escape(line)}</p>" for line in self.lines())])


def _html_of(table: Table) -> list[str]:
    import pandas as pd

    frame = pd.DataFrame([[str(cell) for cell in row] for row in table.rows], columns=list(table.heads))
    shown = str(frame.to_html(index=False, border=0, justify="left"))
    note = [f"<p>{html.escape(table.note)}</p>"] if table.note else []
    return [f"<b>{html.escape(table.title)}</b>", shown, *note]
