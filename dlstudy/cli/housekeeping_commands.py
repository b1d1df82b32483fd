"""The commands that remove, rename and merge what is kept of studies."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlstudy.cli.completions import complete_study
from dlstudy.cli.options import HomeOption, StorageOption, TrackingOption
from dlstudy.errors import UsageError

if TYPE_CHECKING:
    from dlstudy.runner.housekeeping import Stores

__all__ = ["gc", "merge", "rename", "rm"]

_NameArgument = Annotated[
    str, typer.Argument(metavar="STUDY", help="Name of the study.", autocompletion=complete_study)
]
_DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


def rm(
    study: _NameArgument,
    variant: Annotated[
        str | None, typer.Option(help="Only this variant, or this generation of it.  (default: all)")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: _DryRunOption = False,
    home: HomeOption = None,
    storage: StorageOption = None,
    tracking_uri: TrackingOption = None,
) -> None:
    """Remove what is kept of a study: its trials, models, files and reports, and its runs in MLflow."""
    from dlstudy.runner.housekeeping import remove

    stores = _stores(home, storage, tracking_uri)
    if not (dry_run or yes):
        _say(remove(study, variant, stores, dry_run=True))
        _ask("Remove all this?")
    _say(remove(study, variant, stores, dry_run=dry_run))


def rename(
    study: _NameArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its new name.")],
    dry_run: _DryRunOption = False,
    home: HomeOption = None,
    storage: StorageOption = None,
    tracking_uri: TrackingOption = None,
) -> None:
    """Rename a study where its results are kept; its file is yours to rename."""
    from dlstudy.runner.housekeeping import rename as rename_study

    _say(rename_study(study, name, _stores(home, storage, tracking_uri), dry_run=dry_run))


def merge(
    source: Annotated[Path, typer.Argument(metavar="HOME", help="Another results folder, which is only read.")],
    study: Annotated[list[str] | None, typer.Option(help="Only this study; repeatable.  (default: all)")] = None,
    name: Annotated[str | None, typer.Option("--as", help="The name of the study here.  (default: the same)")] = None,
    dry_run: _DryRunOption = False,
    home: HomeOption = None,
    storage: StorageOption = None,
    tracking_uri: TrackingOption = None,
) -> None:
    """Copy studies of another results folder into this one, or with --storage into a database."""
    from dlstudy.runner.housekeeping import merge as merge_studies
    from dlstudy.store.home import Home

    stores = _stores(home, storage, tracking_uri)
    if not source.is_dir() or Home.at(source).root == stores.home.root:
        raise UsageError(f"the first argument must be another results folder, got {source}: name one that is there")
    _say(merge_studies(Home.at(source), study or [], name, stores, dry_run=dry_run))


def gc(
    dry_run: _DryRunOption = False,
    home: HomeOption = None,
    storage: StorageOption = None,
    tracking_uri: TrackingOption = None,
) -> None:
    """Give back the disk space of what was removed, and of what no result needs."""
    from dlstudy.runner.garbage import collect_garbage

    _say(collect_garbage(_stores(home, storage, tracking_uri), dry_run=dry_run) or ["nothing to remove"])


def _stores(home: Path | None, storage: str | None, tracking_uri: str | None) -> "Stores":
    from dlstudy.runner.housekeeping import Stores
    from dlstudy.store.home import Home
    from dlstudy.tracking.stores import tracking_uri as uri_of

    at = Home.at(home)
    return Stores(at, storage, uri_of(at, tracking_uri))


def _say(lines: Sequence[str]) -> None:
    for line in lines:
        typer.echo(line)


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked here: add --yes, or --dry-run to see what would be removed")
    typer.confirm(question, abort=True)
