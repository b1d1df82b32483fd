"""Tables in Parquet files that are not held in memory: columns of numbers, read one part after another by pyarrow."""

import copy
import functools
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dlstudy.datasets.dataset import Array
from dlstudy.datasets.disk_rows import ENDING, rows_at_once, write_numbers
from dlstudy.datasets.known_files import sha256_of
from dlstudy.datasets.readers.fields import read
from dlstudy.datasets.readers.frames import flat, joined
from dlstudy.datasets.structure import has_numbers_only
from dlstudy.errors import DataError

__all__ = ["ParquetNumbers", "ParquetTable"]


class ParquetTable:
    """The rows of Parquet files, one after another, with what `Data` asks of a pandas table."""

    def __init__(self, what: str, files: Sequence[Path]) -> None:
        """Reads what the files are, and no row.

        Args:
            what: reads them, for messages.
            files: in order.

        Raises:
            DataError: a file is none of Parquet, or has other columns.
        """
        self._what, self._files = what, list(files)
        empty = [self._empty(file) for file in files]
        joined([(file.name, form) for file, form in zip(files, empty, strict=True)])  # or raises
        self.columns = empty[0].columns
        self._forms = [form[self.columns] for form in empty]
        self._n = [self._opened(file).metadata.num_rows for file in files]

    def __len__(self) -> int:
        return sum(self._n)

    @property
    def has_numbers_only(self) -> bool:
        """Whether all columns are numbers or truth values."""
        return all(map(has_numbers_only, self._forms))

    @property
    def n_bytes(self) -> int:
        """How many bytes its rows take in memory, where all columns are numbers."""
        return int(len(self) * len(self.columns) * self._dtype.itemsize)

    def __getitem__(self, names: Any) -> Any:  # Any: a column's name, or a list; of pandas
        """A column, or a table of some, in memory."""
        chosen = [names] if isinstance(names, str) else list(names)
        tables = []
        for file in self._files:
            parts = [part[chosen] for part in self._parts(file, chosen, 1_000_000)]
            tables.append((file.name, joined([(file.name, part) for part in parts]) if parts else self._empty(file)))
        return joined(tables)[names]

    def drop(self, columns: Sequence[str]) -> "ParquetTable":
        """The table without some columns."""
        left = copy.copy(self)
        left.columns = self.columns[~self.columns.isin(list(columns))]
        left._forms = [form[left.columns] for form in self._forms]
        vars(left).pop("_dtype", None)  # which was that of all columns
        return left

    def numbers(self) -> "ParquetNumbers":
        """The table as one array.

        Raises:
            DataError: a column holds something else than numbers.
        """
        if not self.has_numbers_only:
            kinds = [(name, form[name].dtype) for form in self._forms for name in self.columns]
            name, kind = next(pair for pair in kinds if getattr(pair[1], "kind", "O") not in "buif")
            raise DataError(
                f"{self._what}(stream=True) reads columns of numbers, got {kind} in {name!r}: drop it, or state "
                "stream=False to hold the table in memory"
            )
        return ParquetNumbers(self, (len(self), len(self.columns)), self._dtype)

    def hashes(self) -> list[str]:
        """The SHA-256 of each file."""
        return list(map(sha256_of, self._files))

    def parts(self, dtype: Any) -> Iterator[Array]:  # Any: as NumPy has it
        """(k, columns) of rows that follow each other, of all columns, which are numbers."""
        n = rows_at_once((len(self.columns),), dtype)
        for file in self._files:
            for part in self._parts(file, list(self.columns), n):
                missing = {"na_value": np.nan} if np.dtype(dtype).kind == "f" else {}
                yield part[list(self.columns)].to_numpy(dtype, **missing)

    @functools.cached_property
    def _dtype(self) -> Any:
        """That of all columns together, as pandas would read them: whole numbers with missing ones are fractions."""
        kinds = {getattr(kind, "numpy_dtype", kind) for form in self._forms for kind in form.dtypes}
        common = np.result_type(*kinds) if kinds else np.dtype(np.float64)
        return common if common.kind == "f" or not self._may_lack() else np.dtype(np.float64)

    def _may_lack(self) -> bool:
        """Whether a value may be missing, as far as the files say."""
        for file in self._files:
            about = self._opened(file).metadata
            for group in map(about.row_group, range(about.num_row_groups)):
                for column in map(group.column, range(about.num_columns)):
                    counted = column.statistics
                    known = counted is not None and counted.has_null_count
                    if column.path_in_schema in self.columns and not (known and counted.null_count == 0):
                        return True
        return False

    def _parts(self, file: Path, names: Sequence[str], n: int) -> Iterator[Any]:
        batches = self._opened(file).iter_batches(n, columns=list(names))
        while (batch := read(self._what, file.name, lambda: next(batches, None))) is not None:
            yield flat(batch.to_pandas())

    def _empty(self, file: Path) -> Any:
        """The table of a file without its rows."""
        return flat(self._opened(file).schema_arrow.empty_table().to_pandas())

    def _opened(self, file: Path) -> Any:
        from pyarrow.parquet import ParquetFile

        return read(self._what, file.name, lambda: ParquetFile(file), "it must be a Parquet file")


@dataclass(frozen=True, eq=False)
class ParquetNumbers:
    """(n, columns) numbers of a table, which are copied to the cache so that any row can be read alone.

    Args:
        table: of numbers.
        shape: (n, columns).
        dtype: of the array that is kept.
        rows: (n,) the numbers of its rows in the table, ascending; None for all.
    """

    table: ParquetTable
    shape: tuple[int, ...]
    dtype: Any  # as NumPy has it
    rows: Array | None = None

    @property
    def columns(self) -> Sequence[str]:
        """Their names."""
        return tuple(map(str, self.table.columns))

    def __len__(self) -> int:
        return self.shape[0]

    def only(self, rows: Array) -> "ParquetNumbers":
        """As of `RowsToKeep`."""
        kept = np.arange(len(self.table))[rows] if self.rows is None else self.rows[rows]
        return replace(self, shape=(len(kept), *self.shape[1:]), rows=kept)

    def identity(self) -> str:
        """As of `RowsToKeep`."""
        rows = "" if self.rows is None else hashlib.sha256(self.rows.astype("<i8").data).hexdigest()
        return json.dumps([self.table.hashes(), self.columns, self.dtype.str, self.shape, rows])

    def save(self, folder: Path, name: str) -> str:
        """As of `RowsToKeep`."""
        write_numbers(folder / f"{name}{ENDING}", self.shape, self.dtype, self._kept())
        return f"{name}{ENDING}"

    def _kept(self) -> Iterator[Array]:
        start = 0
        for part in self.table.parts(self.dtype):
            if self.rows is None:
                yield part
            else:
                first, last = np.searchsorted(self.rows, [start, start + len(part)])
                yield part[self.rows[first:last] - start]
            start += len(part)
