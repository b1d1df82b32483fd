"""The commands of the first use: a study to begin with, and whether the installation works."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from dlstudy.cli.completions import complete_kinds
from dlstudy.cli.options import HomeOption, JsonOption
from dlstudy.errors import UsageError

__all__ = ["doctor", "new"]


def new(
    name: Annotated[str, typer.Argument(help="Name of the study: NAME.py is written here.")],
    rows: Annotated[
        Path | None, typer.Option("--data", help="A table, or a folder of pictures or texts, one for each class.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="The column of targets, of a table.")] = None,
    question: Annotated[str | None, typer.Option(help="The question, as a reader would ask it.")] = None,
    arms: Annotated[
        str | None,
        typer.Option(
            help="What to compare, with commas between: without,dropout or small,large or net,boosting,forest.",
            autocompletion=complete_kinds,
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="A .keras or .h5 file: its model as it is, with new weights, and another way.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: the digits, if no option says more.")] = False,
) -> None:
    """Write a study file that runs as it is: at a terminal it asks for data, target, arms and question."""
    from dlstudy.cli.new import Wanted, path_of_new, write_study

    path_of_new(name)  # or says at once that it cannot be
    wanted = Wanted(rows, target, question, model, arms)
    if wanted == Wanted() and not yes and sys.stdin.isatty() and sys.stdout.isatty():
        from dlstudy.cli.new_asking import ask_wanted

        wanted = ask_wanted()
    path = write_study(name, wanted)
    typer.echo(
        f"{path} is written. Read it and change what you like, then:\n"
        f"  dlstudy check {path}          one step of each arm\n"
        f"  dlstudy run {path} --quick    a first look\n"
        f"  dlstudy run {path}            the answer"
    )


def doctor(context: typer.Context, home: HomeOption = None, json: JsonOption = False) -> None:
    """Check the installation: packages, TensorFlow, GPUs, memory, results folder, data, environment."""
    from dlstudy.cli.doctor import examine
    from dlstudy.cli.settings_file import defaults_from

    def options() -> dict[str, Any]:  # Any: as `defaults_from`
        return defaults_from(Path(), context.find_root().command)

    if home is None:
        with suppress(UsageError):  # which the check of the options tells
            home = options().get("doctor", {}).get("home")
    raise typer.Exit(examine(home, options, json))
