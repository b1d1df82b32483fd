"""`dlstudy data show`: the contents of a data set, in tables and pictures, before any training."""

import sys
from collections.abc import Sequence
from pathlib import Path

from dlstudy.api.terminal import make_console, print_table
from dlstudy.cli.console import print_rows
from dlstudy.datasets import registry
from dlstudy.datasets.dataset import Description
from dlstudy.datasets.own_cache import is_own
from dlstudy.datasets.own_profile import OwnProfile, own_profile_of
from dlstudy.datasets.profile import DatasetProfile, Spread, profile_of
from dlstudy.errors import UsageError
from dlstudy.report.blocks import Table
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
    profile = own_profile_of(data) if is_own(about.name) else profile_of(data)
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


def _print(about: Description, profile: DatasetProfile | OwnProfile, pictures: Sequence[str]) -> None:
    from dlstudy.cli.own_data import own_tables

    console, own = make_console(), isinstance(profile, OwnProfile)
    if about.caveat:
        console.print(f"DATA: {about.name} is {about.caveat}", style="yellow", markup=False, highlight=False)
    title = f"{about.title} ({about.name}): {about.task}" if own else f"{about.title}: {about.units}"
    console.print(title, style="bold", markup=False, highlight=False)
    if about.source:
        console.print(f"source: {about.source}\n", markup=False, highlight=False)
    for table in own_tables(about, profile) if isinstance(profile, OwnProfile) else _tables(about, profile):
        if table.rows:
            print_table(console, table)
    for path in pictures:
        console.print(path, soft_wrap=True, markup=False, highlight=False)


def _tables(about: Description, profile: DatasetProfile) -> list[Table]:
    shapes = [
        [part.name, _shape(part.x_shape, part.x_type), _shape(part.y_shape, part.y_type),
         f"{part.x_missing:,}", f"{part.y_missing:,}"]
        for part in profile.parts
    ]  # fmt: skip
    of_whom = "Target, features and first rows, below, describe the training rows only."
    if not about.n_test:
        of_whom = "These rows come undivided: a study's split divides them."
    return [
        Table("Rows", ["part", "x", "y", "missing in x", "missing in y"], shapes, f"{of_whom} {_twins(profile)}"),
        _balance(profile),
        _spreads("Target", [profile.target] if profile.target else []),
        _spreads("Features", profile.features),
        _first_rows(about, profile),
    ]


def _twins(profile: DatasetProfile) -> str:
    part, whole = profile.parts[0], profile.twins is None
    repeats = (
        f"{profile.n_repeats:,} of the {part.x_shape[0]:,} {'rows' if whole else 'training rows'} repeat an earlier one"
    )
    return f"{repeats}." if whole else f"{repeats}, and {profile.twins}."


def _balance(profile: DatasetProfile) -> Table:
    rows = []
    for count in profile.balance:
        parts = zip((count.n_train, count.n_test), profile.parts, strict=False)  # no test rows, no second part
        shares = [(f"{n:,}", f"{100 * n / part.y_shape[0]:.1f} %") for n, part in parts]
        rows.append([count.label, *[cell for pair in shares for cell in pair]])
    heads = ["class", *[head for part in profile.parts for head in (part.name, f"share of {part.name}")]]
    ratio = "a class has no rows" if profile.ratio is None else f"{profile.ratio:.4g}"
    note = f"Largest class / smallest class ({profile.parts[0].name}): {ratio}."
    return Table("Class balance", heads, rows, note)


def _spreads(title: str, rows: Sequence[Spread]) -> Table:
    cells = [
        [row.name, *map(_number, (row.lowest, row.lower_quartile, row.median, row.upper_quartile, row.highest)),
         _number(row.mean), _number(row.sd)]
        for row in rows
    ]  # fmt: skip
    missing = ", ".join(f"{row.missing:,} of {row.name}" for row in rows if row.missing)
    note = f"Missing, and left out: {missing}." if missing else ""
    return Table(title, ["name", "min", "25 %", "median", "75 %", "max", "mean", "sd"], cells, note)


def _first_rows(about: Description, profile: DatasetProfile) -> Table:
    """Prints the table transposed: it may have more columns than fit on a terminal."""
    *columns, last = zip(*profile.first_rows, strict=True) if profile.first_rows else [()]
    rows = [[name, *map(_number, column)] for name, column in zip(about.feature_names, columns, strict=True)]
    if profile.balance:
        rows.append(["label", *[about.label_names[int(value)] for value in last]])
    else:
        rows.append([about.target_name, *map(_number, last)])
    return Table("The first rows", ["name", *[f"row {i}" for i in range(len(last))]], rows if last else [])


def _shape(shape: tuple[int, ...], kind: str) -> str:
    return f"{' x '.join(f'{n:,}' for n in shape)} {kind}"


def _number(value: float) -> str:
    """A number with five significant digits, whatever its unit."""
    return f"{value:.5g}"


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
