"""The commands of `dlstudy data`."""

from pathlib import Path
from typing import Annotated

import typer

from dlstudy.cli.options import DatasetArgument, HomeOption, JsonOption

__all__ = ["data"]

data = typer.Typer(help="Fetch, check and look at data sets.", no_args_is_help=True)


@data.command("list")
def data_list(json: JsonOption = False) -> None:
    """List the data sets."""
    from dlstudy.cli.data import show_datasets

    show_datasets(json)


@data.command("fetch")
def data_fetch(name: DatasetArgument) -> None:
    """Fetch a data set into the cache, if it is not there."""
    from dlstudy.datasets import registry

    typer.echo(f"{name}: {registry.ensure(name, typer.echo)}")


@data.command("show")
def data_show(
    name: Annotated[str, typer.Argument(help="A data set, a study, or a file or folder of rows.")],
    target: Annotated[str | None, typer.Option(help="The column of targets, of a table in a file.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the pictures.  (default: data/NAME/ in the results folder)")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Look at a data set before training: balance, missing values, spread, pictures."""
    from dlstudy.cli.data import show_dataset
    from dlstudy.store.home import Home

    show_dataset(name, output, Home.at(home), json, target)


@data.command("verify")
def data_verify(name: DatasetArgument) -> None:
    """Verify the checksum of a cached data set."""
    from dlstudy.datasets import registry

    typer.echo(f"{name}: {registry.verify(name)}, as expected")


@data.command("path")
def data_path() -> None:
    """Print the path of the cache folder."""
    from dlstudy.datasets import registry

    typer.echo(registry.cache_folder())
