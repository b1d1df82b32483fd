"""The command for teachers."""

from pathlib import Path
from typing import Annotated

import typer

from dlstudy.cli.options import JsonOption

__all__ = ["class_"]


def class_(
    folder: Annotated[
        Path, typer.Argument(help="What was handed in: files of `dlstudy pack --files`. Their code will be run.")
    ],
    assignment: Annotated[str, typer.Option(help="The study file that was given out.")],
    test: Annotated[Path, typer.Option(help="Held-out rows with targets: .csv, .parquet, or .npz with x and y.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")] = Path("board"),
    baseline: Annotated[Path | None, typer.Option(help="A packed study to compare all with; it has no place.")] = None,
    free: Annotated[
        list[str] | None, typer.Option(help="What students may choose, such as seeds or batch_size; repeatable.")
    ] = None,
    retrain: Annotated[
        int, typer.Option(min=0, help="Train so many replicates of each winner again, and score those.")
    ] = 0,
    minutes: Annotated[float, typer.Option(help="The most time for one hand-in.")] = 10.0,
    workers: Annotated[int, typer.Option(min=1, help="Hand-ins that are looked at at once.")] = 1,
    json: JsonOption = False,
) -> None:
    """Grade a class: check hand-ins, score them on rows that students never had, and write a board and feedback."""
    from dlstudy.cli.class_board import Asked, grade_class

    grade_class(Asked(folder, assignment, test, output, baseline, tuple(free or ()), retrain, minutes, workers), json)
