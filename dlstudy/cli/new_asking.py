"""`dlstudy new NAME` at a terminal asks for what no option says; Enter takes what stands in brackets."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import typer

from dlstudy.cli.new import Wanted, check_question, kind_of_rows
from dlstudy.cli.new_arms import choose_arms, default_arms, kinds_of, question_of
from dlstudy.cli.own_data import columns_of
from dlstudy.common.hints import meant
from dlstudy.errors import DlstudyError, UsageError

__all__ = ["ask_wanted"]

T = TypeVar("T")

_MOST_COLUMNS = 40


def ask_wanted() -> Wanted:
    """What the user answers. Ctrl-C ends it, and nothing is written."""
    typer.echo("Enter takes what is in brackets; Ctrl-C leaves, and nothing is written.\n")
    rows = _answer("Data, a table or a folder of pictures or texts", "digits", _rows)
    kind = kind_of_rows(rows)
    target = None
    if rows is not None and kind == "table":
        columns = columns_of(rows)
        more = f", ... ({len(columns)})" if len(columns) > _MOST_COLUMNS else ""
        typer.echo(f"  columns: {', '.join(columns[:_MOST_COLUMNS])}{more}")
        target = _answer("Target, the column to predict", columns[-1], lambda given: _column(given, columns))
    known = kinds_of(kind)
    typer.echo("  to compare: " + ", ".join(f"{name} ({words})" for name, words in known.items()))
    arms = _answer("Arms, at least two of them", default_arms(kind), lambda given: choose_arms(given, kind))
    question = _answer("Question", question_of(arms), _question)
    return Wanted(rows, target, question, None, ",".join(arms))


def _answer(text: str, default: str, read: Callable[[str], T]) -> T:
    """An answer that can be read; else it says why it cannot, and asks again."""
    while True:
        given = str(typer.prompt(text, default=default)).strip()
        try:
            return read(given)
        except DlstudyError as error:
            typer.echo(f"  {error}")


def _rows(given: str) -> Path | None:
    if given == "digits" and not Path(given).exists():
        return None
    path = Path(given.strip("'\"")).expanduser()
    if kind_of_rows(path) == "table":
        columns_of(path)  # or says that it is none
    return path


def _column(given: str, columns: list[str]) -> str:
    if given not in columns:
        raise UsageError(f"no column is named {given!r}: {meant(given, columns) or 'choose one of those above'}")
    return given


def _question(given: str) -> str:
    check_question(given)
    return given
