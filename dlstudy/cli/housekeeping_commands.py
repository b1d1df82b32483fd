"""The commands that remove, rename, merge, pack and replay what is kept of studies."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from dlstudy.cli.completions import complete_kept_study, complete_variant
from dlstudy.cli.options import (
    HomeOption,
    JsonOption,
    StorageOption,
    StoreOptions,
    StudyArgument,
    VariantOption,
    grouped,
)
from dlstudy.errors import UsageError

__all__ = ["archive", "gc", "import_", "merge", "pack", "rename", "replay", "rm"]

_NameArgument = Annotated[
    str, typer.Argument(metavar="STUDY", help="Name of the study.", autocompletion=complete_kept_study)
]
_PackOption = Annotated[Path | None, typer.Option("--output", "-o", help="File to write.  (default: STUDY.pack.zip)")]
_DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


@grouped
def rm(
    study: _NameArgument,
    *,
    variant: Annotated[
        str | None,
        typer.Option(
            help="Only this variant, or this generation of it.  (default: all)", autocompletion=complete_variant
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: _DryRunOption = False,
    kept: StoreOptions,
) -> None:
    """Remove what is kept of a study: its trials, models, files and reports, and its runs in MLflow."""
    from dlstudy.runner.housekeeping import remove

    stores = kept.stores()
    if not (dry_run or yes):
        _say(remove(study, variant, stores, dry_run=True))
        _ask("Remove all this?")
    _say(remove(study, variant, stores, dry_run=dry_run))


@grouped
def rename(
    study: _NameArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its new name.")],
    *,
    dry_run: _DryRunOption = False,
    kept: StoreOptions,
) -> None:
    """Rename a study where its results are kept; its file is yours to rename."""
    from dlstudy.runner.housekeeping import rename as rename_study

    _say(rename_study(study, name, kept.stores(), dry_run=dry_run))


@grouped
def merge(
    source: Annotated[
        Path, typer.Argument(metavar="HOME", help="Another results folder, or a packed study; it is only read.")
    ],
    *,
    study: Annotated[list[str] | None, typer.Option(help="Only this study; repeatable.  (default: all)")] = None,
    name: Annotated[str | None, typer.Option("--as", help="The name of the study here.  (default: the same)")] = None,
    dry_run: _DryRunOption = False,
    kept: StoreOptions,
) -> None:
    """Copy studies of another results folder into this one, or with --storage into a database."""
    from dlstudy.runner.housekeeping import merge as merge_studies
    from dlstudy.runner.packs import opened
    from dlstudy.store.home import Home

    stores = kept.stores()
    with ExitStack() as stack:
        if source.is_file():
            other = stack.enter_context(opened(source)).home
        elif source.is_dir():
            other = Home.at(source)
        else:
            raise UsageError(
                f"merge takes another results folder or a packed study, got {source}: name one that is there"
            )
        if other.root == stores.home.root:
            raise UsageError(
                f"merge takes another results folder than the one that it writes to, got {source} for both"
            )
        _say(merge_studies(other, study or [], name, stores, dry_run=dry_run))


def import_(
    source: Annotated[
        str,
        typer.Argument(
            help="mlflow:EXPERIMENT, optuna:STUDY, a wandb folder, or a .csv or .json file with a row for each run."
        ),
    ],
    uri: Annotated[
        str | None, typer.Option("--from", help="MLflow's store, or Optuna's storage: sqlite:///study.db.")
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="METRIC=COLUMN; repeatable.  (default: list the columns)")
    ] = None,
    seed: Annotated[str, typer.Option(help="The column with the seeds, which pairs the runs.")] = "",
    where: Annotated[list[str] | None, typer.Option(help="COLUMN=VALUE: only runs that have it; repeatable.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")] = Path("runs.csv"),
) -> None:
    """Import runs of another tool: as a file that an arm of a study reads, and is compared with."""
    from dlstudy.cli.import_runs import import_runs

    import_runs(source, uri, metric or [], seed, where or [], output)


@grouped
def gc(
    *,
    dry_run: _DryRunOption = False,
    kept: StoreOptions,
) -> None:
    """Give back the disk space of what was removed, and of what no result needs."""
    from dlstudy.runner.garbage import collect_garbage

    _say(collect_garbage(kept.stores(), dry_run=dry_run) or ["nothing to remove"])


def pack(
    study: StudyArgument,
    output: _PackOption = None,
    files: Annotated[bool, typer.Option("--files", help="Pack models and other files of trials too.")] = False,
    variant: VariantOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
) -> None:
    """Pack a study into one file for a reviewer: its record, its code, packages, changes and report."""
    _say([f"{_packed(study, variant, output, home, storage, with_files=files)} is written"])


@grouped
def archive(
    study: StudyArgument,
    *,
    output: _PackOption = None,
    kept: StoreOptions,
) -> None:
    """Pack a study with its models and files, and remove it; `merge FILE` brings it back."""
    from dlstudy.runner.housekeeping import remove
    from dlstudy.study import loader

    path = _packed(study, None, output, kept.home, kept.storage, with_files=True)
    lines = remove(loader.name_of(study), None, kept.stores(), dry_run=False)
    _say([f"{path} is written", *lines])


def replay(
    pack: Annotated[Path, typer.Argument(metavar="FILE", help="What `dlstudy pack` wrote. Its code will be run.")],
    check: Annotated[int, typer.Option(help="Trials to train again, drawn at random.")] = 5,
    seed: Annotated[int, typer.Option(help="Of that draw.")] = 0,
    tolerance: Annotated[float, typer.Option(help="Differences up to this count as none.")] = 0.0,
    variant: VariantOption = None,
    workers: Annotated[int | None, typer.Option(help="Trainings in parallel.")] = None,
    json: JsonOption = False,
) -> None:
    """Replay a packed study: say what differs here, train some trials again, and compare their numbers."""
    from dlstudy.cli.replay import replay_pack
    from dlstudy.runner.backend import Backend
    from dlstudy.store.home import Home

    backend = Backend(Home.at(), workers=workers)
    raise typer.Exit(replay_pack(pack, check, seed, tolerance, variant, backend, json))


def _packed(
    study: str, variant: str | None, output: Path | None, home: Path | None, storage: str | None, *, with_files: bool
) -> Path:
    from dlstudy.runner.packs import pack_study
    from dlstudy.store.home import Home
    from dlstudy.study import loader
    from dlstudy.training.study_rows import with_rows

    at = Home.at(home)
    file = with_rows(loader.load(loader.find(study, at.studies)))
    return pack_study(file, variant, at, storage, output or Path(f"{file.name}.pack.zip"), with_files=with_files)


def _say(lines: Sequence[str]) -> None:
    for line in lines:
        typer.echo(line)


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked here: add --yes, or --dry-run to see what would be removed")
    typer.confirm(question, abort=True)
