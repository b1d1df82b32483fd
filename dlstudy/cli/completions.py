"""What a shell may complete: names of studies, arms, variants and data sets, and words that an option knows.

`dlstudy --install-completion` teaches it to the shell.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from dlstudy.errors import DlstudyError

if TYPE_CHECKING:
    from dlstudy.store.home import Home

__all__ = [
    "complete_arm", "complete_dataset", "complete_kept_study", "complete_kinds", "complete_study", "complete_variant",
    "one_of",
]  # fmt: skip

T = TypeVar("T")


def complete_study(incomplete: str) -> list[str]:
    """The studies whose names begin so, those of the usual results folder too; and files that may be studies."""
    from dlstudy.store.home import Home
    from dlstudy.study import loader

    try:
        known = loader.paths(Home.at().studies)
    except DlstudyError:  # there is nothing to say beside a half-typed line
        known = loader.paths()
    return [*(name for name in sorted(known) if name.startswith(incomplete)), *_python_files(incomplete)]


def complete_kept_study(context: typer.Context, incomplete: str) -> list[str]:
    """The studies that have results whose names begin so."""
    from dlstudy.store.record import Record

    record = _typed(context, lambda home, storage: Record.open(home, storage, for_writing=False))
    return [name for name in (record.studies() if record else []) if name.startswith(incomplete)]


def complete_arm(context: typer.Context, incomplete: str) -> list[str]:
    """The arms of the study on the line whose names begin so."""
    from dlstudy.study import loader

    def arms(home: "Home", _: str | None) -> list[str]:
        return [arm.name for arm in loader.load(loader.find(_study_on_line(context), home.studies)).study.arms]

    return [name for name in _typed(context, arms) or () if name.startswith(incomplete)]


def complete_variant(context: typer.Context, incomplete: str) -> list[str]:
    """The variants that the record has of the study on the line whose names begin so."""
    from dlstudy.store.record import Record
    from dlstudy.study import loader

    def variants(home: "Home", storage: str | None) -> list[str]:
        known = Record.open(home, storage, for_writing=False).variants(loader.name_of(_study_on_line(context)))
        return [str(each) for generations in known.values() for each in generations]

    return [name for name in _typed(context, variants) or () if name.startswith(incomplete)]


def _study_on_line(context: typer.Context) -> str:
    """The study that was typed: while the last option has no value, typer leaves arguments where they are."""
    typed = context.params.get("study") or next(iter(context.args), "")
    return typed if isinstance(typed, str) else ""


def _typed(context: typer.Context, find: Callable[["Home", str | None], T]) -> T | None:
    """What is found where the options on the line point; None where that cannot be: a half-typed line is no error."""
    from dlstudy.store.home import Home

    try:
        storage = context.params.get("storage") or os.environ.get("DLSTUDY_STORAGE")
        return find(Home.at(context.params.get("home")), storage)
    except DlstudyError:
        return None


def _python_files(incomplete: str) -> list[str]:
    """Python files, and folders, whose path begins so."""
    folder, _, start = incomplete.rpartition("/")
    try:
        there = sorted(Path(folder or ("/" if incomplete.startswith("/") else ".")).iterdir())
    except OSError:
        return []
    found = [path for path in there if path.name.startswith(start) and (start or not path.name.startswith("."))]
    before = incomplete.removesuffix(start)
    files = [f"{before}{path.name}" for path in found if path.suffix == ".py" and path.is_file()]
    return files + [f"{before}{path.name}/" for path in found if path.is_dir()]


def complete_dataset(incomplete: str) -> list[str]:
    """The built-in data sets whose names begin so."""
    from dlstudy.datasets import registry

    return [name for name in registry.names() if name.startswith(incomplete)]


def complete_kinds(context: typer.Context, incomplete: str) -> list[str]:
    """What `dlstudy new` can compare on the rows on the line, behind those that are typed already."""
    from dlstudy.cli.new import kind_of_rows
    from dlstudy.cli.new_arms import kinds_of

    try:
        rows = context.params.get("rows")
        known = kinds_of(kind_of_rows(Path(rows) if rows else None))
    except DlstudyError:
        return []
    before, comma, start = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in known if name.startswith(start) and name not in before.split(",")]


def one_of(*words: str) -> Callable[[str], list[str]]:
    """A function that completes one of these words."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete
