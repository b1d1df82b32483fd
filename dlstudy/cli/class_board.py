"""`dlstudy class`: grades hand-ins, prints the board and writes it, with a page of feedback for each."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from rich.text import Text

from dlstudy.analysis.class_results import Board
from dlstudy.api.terminal import make_console, print_table
from dlstudy.common.files import write_whole
from dlstudy.datasets import registry
from dlstudy.datasets.held_out import read_held_out
from dlstudy.errors import UsageError
from dlstudy.report.class_board import board_document, board_json, board_rows, board_table, checks_table
from dlstudy.report.class_feedback import feedback_document
from dlstudy.report.export import as_json
from dlstudy.report.formats.csv_tables import table_csv
from dlstudy.report.formats.html import html_page
from dlstudy.report.labels import many
from dlstudy.runner.grading import Rules, grade
from dlstudy.runner.hand_ins import FIXED, HandIn, file_name, find_hand_ins
from dlstudy.runner.judging import require_judged
from dlstudy.study import loader
from dlstudy.study.request import Request, ResolvedStudy, resolve
from dlstudy.training.study_rows import with_rows

__all__ = ["Asked", "grade_class"]


@dataclass(frozen=True)
class Asked:
    """The arguments of `dlstudy class`: see `dlstudy class --help`."""

    folder: Path
    assignment: str
    test: Path
    output: Path = Path("board")
    baseline: Path | None = None
    free: Sequence[str] = ()
    retrain: int = 0
    minutes: float = 10.0
    workers: int = 1


def grade_class(asked: Asked, json: bool) -> None:
    """Grades a class, prints its board and writes the pages.

    Raises:
        UsageError, DataError: an argument, or none of the hand-ins, can be used.
    """
    _refuse(asked)
    hand_ins = find_hand_ins(asked.folder)
    study = _assignment(asked.assignment)
    x, y = read_held_out(asked.test, study.about)
    baseline = HandIn("baseline", asked.baseline) if asked.baseline else None
    if baseline:
        hand_ins = [each for each in hand_ins if each.path.resolve() != baseline.path.resolve()]
        if not hand_ins:
            raise UsageError(f"hand-ins are others than the baseline, got only that in {asked.folder}")
    rules = Rules(study, x, y, asked.free, asked.retrain, 60 * asked.minutes, asked.workers)
    console = make_console(error=True)
    console.print(Text(f"running the code of {many(len(hand_ins), 'hand-in')}, each in a process of its own"))
    board = grade(hand_ins, baseline, rules, lambda line: console.print(Text(line, style="dim"), soft_wrap=True))
    paths = _written(board, asked.output)
    _refuse_unscored(board)
    if json:
        sys.stdout.write(as_json(board_json(board)))
        return
    console = make_console()
    for table in (board_table(board), checks_table(board)):
        print_table(console, table)
    for path in paths:
        console.print(Text(str(path)), soft_wrap=True)


def _refuse_unscored(board: Board) -> None:
    """Checks that there is a score at all: otherwise something is wrong with what is common to all."""
    first = board.graded[0]
    if all(each.values is None for each in board.graded):
        raise UsageError(f"none of {many(len(board.graded), 'hand-in')} could be scored; {first.name}: {first.why}")


def _refuse(asked: Asked) -> None:
    if unknown := [name for name in asked.free if name not in FIXED]:
        raise UsageError(f"--free must be one of {', '.join(FIXED)}, got {unknown[0]!r}")
    if not asked.minutes > 0:
        raise UsageError(f"--minutes must be above 0, got {asked.minutes:g}")
    if asked.baseline and not asked.baseline.is_file():
        raise UsageError(f"--baseline must be a packed study, got {asked.baseline}: name a file that is there")


def _assignment(name: str) -> ResolvedStudy:
    file = with_rows(loader.load(loader.find(name)))
    registry.ensure(file.study.dataset)
    study = resolve(file, Request())
    require_judged(study)
    return study


def _written(board: Board, folder: Path) -> list[Path]:
    """Writes the board and a page for each hand-in; returns the paths to name."""
    names = [file_name(each.name) for each in board.graded]
    document = board_document(board, [f"feedback/{quote(name)}.html" for name in names])
    content = {
        "board.html": html_page(document),
        "board.csv": table_csv(board_rows(board)),
        "board.json": as_json(board_json(board)),
    }
    for name, each in zip(names, board.graded, strict=True):
        content[f"feedback/{name}.html"] = html_page(feedback_document(board, each))
    try:
        for name, text in content.items():
            write_whole(folder / name, text)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written ({error.strerror or error}): choose another --output") from error
    return [folder / "board.html", folder / "board.csv", folder / "board.json", folder / "feedback"]
