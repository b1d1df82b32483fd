"""`dlstudy data show` of a file, a folder or a study with rows of its own."""

from pathlib import Path

from dlstudy.common.processes import ask
from dlstudy.common.text import describe_error
from dlstudy.datasets import registry
from dlstudy.datasets.data import Data
from dlstudy.datasets.dataset import Dataset
from dlstudy.datasets.own_cache import store_own
from dlstudy.datasets.own_rows import plain_rows
from dlstudy.errors import UsageError
from dlstudy.study import loader
from dlstudy.training.streams import first_rows
from dlstudy.training.study_rows import with_rows

__all__ = ["columns_of", "own_dataset", "own_name"]

_KNOWN = (".csv", ".tsv", ".parquet", ".npz")
_TABLES = (".csv", ".tsv", ".gz", ".bz2", ".xz", ".zip")


def own_name(given: str, target: str | None, made: Path | None = None) -> str:
    """The name of the data set that a file, a folder or a study is, its rows read into the cache.

    Args:
        given: a path of rows, or a study by its name or path.
        target: the name of the column of targets, of a table.
        made: the folder of studies that were made in Python.

    Raises:
        DlstudyError: it is none of them, or cannot be read.
    """
    path = Path(given).expanduser()
    if path.suffix != ".py" and path.exists():
        return store_own(plain_rows(_read(path, target)))
    if path.suffix.lower() in _KNOWN:
        raise UsageError(f"no file at {given}: check the path")
    if target is not None:
        raise UsageError(f"--target is for a table in a file, got it with {given}: leave it out")
    if given.isidentifier() and given not in loader.paths(made):
        return registry.describe(given).name  # or says which data sets there are
    return with_rows(loader.load(loader.find(given, made)), anew=True).study.dataset


def own_dataset(given: str, target: str | None, made: Path | None = None) -> Dataset:
    """The data set that a file, a folder or a study is; of a stream, its first rows. As `own_name`.

    Raises:
        DlstudyError: it is none of them, or cannot be read.
    """
    name = own_name(given, target, made)
    if registry.describe(name).is_stream:
        return ask(first_rows, str(loader.find(given, made)), name)
    return registry.load(name)


def columns_of(path: Path) -> list[str]:
    """The names of the columns of a table in a file, of which only the head is read.

    Raises:
        UsageError: it is no table that can be read.
    """
    import pandas as pd
    import pyarrow.parquet

    kind = path.suffix.lower()
    if kind != ".parquet" and kind not in _TABLES:
        raise UsageError(f"a table is a .csv, .tsv or .parquet file, got {path.name}: see Data for other data")
    try:
        if kind == ".parquet":
            return list(pyarrow.parquet.read_schema(path).names)
        return list(map(str, pd.read_csv(path, sep="\t" if kind == ".tsv" else ",", nrows=0).columns))
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise UsageError(f"{path} cannot be read as a table: {describe_error(error)}") from error


def _read(path: Path, target: str | None) -> Data:
    kind = path.suffix.lower()
    if path.is_dir():
        has_text = next(path.rglob("*.txt"), None) is not None
        return Data.text(path) if has_text else Data.images(path)
    if kind == ".parquet":
        return Data.parquet(path, target)
    if kind == ".npz":
        return Data.npz(path)
    if kind in _TABLES:
        return Data.csv(path, target, sep="\t" if kind == ".tsv" else ",")
    raise UsageError(
        f"data are in a .csv, .tsv, .parquet or .npz file, in a folder or in a study, got {path.name}: see Data"
    )
