"""`dlstudy data show`: the contents of a data set, in tables and pictures, before any training."""

import sys
from collections.abc import Sequence
from pathlib import Path

from dlstudy.api.terminal import make_console, print_table
from dlstudy.cli.console import print_rows
from dlstudy.cli.profile_tables import profile_tables
from dlstudy.datasets import registry
from dlstudy.datasets.dataset import Description
from dlstudy.datasets.profile import DatasetProfile, profile_of
from dlstudy.errors import UsageError
from dlstudy.report.export import as_json
from dlstudy.store.home import Home

__all__ = ["show_dataset", "show_datasets"]


def show_dataset(name: str, output: Path | None, home: Home, json: bool, target: str | None = None) -> None:
    """Prints the profile of a data set, fetching it if needed, and draws its pictures into a folder.

    What is no name of a data set is a file, a folder or a study with rows of its own: see `dlstudy.cli.own_data`.

    Raises:
        DataError: there is no such data set, or it is not available.
        UsageError: the pictures cannot be written.
    """
    from dlstudy.report.figures.data import draw_profile

    if name in registry.names():
        registry.ensure(name, lambda line: print(line, file=sys.stderr))
        data = registry.load(name)
    else:
        from dlstudy.cli.own_data import own_dataset

        data = own_dataset(name, target, home.studies)
    about = registry.describe(data.description.name)
    profile = profile_of(data)
    folder = output or home.root / "data" / about.name
    try:
        paths = draw_profile(data, profile, folder)
    except OSError as error:
        raise UsageError(
            f"the pictures cannot be written to {folder} ({error.strerror}): name another --output"
        ) from error
    pictures = [str(path) for path in paths]
    if json:
        sys.stdout.write(as_json({"caveat": about.caveat, **profile.to_json(), "pictures": pictures}))
    else:
        _print(about, profile, pictures)


def _print(about: Description, profile: DatasetProfile, pictures: Sequence[str]) -> None:
    console = make_console()
    if about.caveat:
        console.print(f"DATA: {about.name} is {about.caveat}", style="yellow", markup=False, highlight=False)
    units = f"; {about.units}" if about.units else ""
    console.print(f"{about.title} ({about.name}): {about.task}{units}", style="bold", markup=False, highlight=False)
    if about.source:
        console.print(f"source: {about.source}\n", markup=False, highlight=False)
    for table in profile_tables(about, profile):
        if table.rows:
            print_table(console, table)
    for path in pictures:
        console.print(path, soft_wrap=True, markup=False, highlight=False)


def show_datasets(json: bool) -> None:
    """Lists the data sets."""
    rows = []
    for name in registry.names():
        about = registry.describe(name)
        rows.append(
            {
                "name": name,
                "title": about.title,
                "train": about.n_train,
                "test": about.n_test,
                "shape": "x".join(map(str, about.input_shape)),
                "units": about.units,
                "licence": about.licence,
                "state": registry.state(name),
                "caveat": about.caveat,
            }
        )
    heads = [head for head in rows[0] if head != "caveat"]
    caveats = " ".join(f"{row['name']}: {row['caveat']}." for row in rows if row["caveat"])
    print_rows(rows, "Data sets", heads, json, caveats)
