"""CSV files by pandas, with a word about what pandas corrects or cuts without one."""

import bz2
import csv
import gzip
import io
import lzma
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dlstudy.common.text import short_repr
from dlstudy.datasets.readers.fields import read
from dlstudy.datasets.readers.paths import Source, content, label_of
from dlstudy.errors import DataError

__all__ = ["PACKED", "csv_table", "endings", "unpacked"]

_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
PACKED = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zip": "zip", ".zst": "zstd"}
"""What pandas calls the kinds of compressed files, by the ending of their names."""

_SEEN = {"sep", "dtype", "parse_dates", "encoding"}
"""Options that the look at single lines knows of."""


def csv_table(what: str, source: Source, given: Mapping[str, Any], sha256: str | None = None) -> Any:
    """The table in a CSV file. Any: of pandas, and what it takes.

    Args:
        what: reads it, for messages.
        source: the file or its address.
        given: options of `pandas.read_csv`, `sep` among them.
        sha256: that it must have; None for any.

    Raises:
        DataError: it cannot be read, or its rows do not fit its header.
    """
    from pandas.errors import EmptyDataError, ParserWarning

    for option in ("chunksize", "iterator"):
        if option in given:
            raise DataError(f"{what} reads a whole table, got the option {option}: leave it out")
    file, label = content(what, source, sha256), label_of(source)
    options = {"index_col": False, **_engine(given), **_compression(source, given), **given}

    def parse() -> Any:
        try:
            with warnings.catch_warnings():
                # A first row that is longer than the header would be cut, with this warning alone.
                warnings.simplefilter("error", ParserWarning)
                return _pandas_read(file, options)
        except EmptyDataError:
            raise DataError(f"{what} needs rows, got the empty file {label}: check the file") from None
        except ParserWarning as warning:
            raise DataError(
                f"{what} needs as many cells in a row as in the header, got another number in {label} ({warning}): "
                "correct the file or sep"
            ) from None

    table = read(what, label, parse, "correct the file, or state sep, dtypes or options as it needs them")
    _refuse_twins(what, label, table, lambda: _pandas_read(file, _header_alone(options)))
    if set(given) <= _SEEN and len(table.columns) and table.iloc[:, -1].isna().any():
        _refuse_short_lines(what, label, file, len(table.columns), given)
    return table


def _pandas_read(file: Path | io.BytesIO, options: Mapping[str, Any]) -> Any:
    import pandas

    return pandas.read_csv(_rewound(file), **options)


def _engine(given: Mapping[str, Any]) -> dict[str, Any]:
    sep = given["sep"]
    if not isinstance(sep, str | None) or sep == "":
        raise DataError(f"sep must be a text, or None to find it, got {short_repr(sep)}: state what separates cells")
    if "engine" in given:
        return {}
    # In parts, a column of a long file could get a type for each part.
    return {"engine": "c", "low_memory": False} if sep and len(sep) == 1 else {"engine": "python"}


def _compression(source: Source, given: Mapping[str, Any]) -> dict[str, Any]:
    """How a file is packed, by its name, which pandas does not see where an address was read."""
    if "compression" in given or isinstance(source, Path):
        return {}
    return {"compression": PACKED.get((endings(source) or [""])[-1])}


def endings(source: Source) -> list[str]:
    """The endings of a file's name, in lower case: [".csv", ".gz"]."""
    return [suffix.lower() for suffix in Path(label_of(source)).suffixes]


def _rewound(file: Path | io.BytesIO) -> Path | io.BytesIO:
    """The file at its start; a copy of what is in memory, as pandas closes it."""
    return file if isinstance(file, Path) else io.BytesIO(file.getbuffer())


def _header_alone(options: Mapping[str, Any]) -> dict[str, Any]:
    return {**options, "header": None, "nrows": 1, "dtype": "str", "parse_dates": False}


def _refuse_twins(what: str, label: str, table: Any, header: Callable[[], Any]) -> None:
    """Checks that no name is twice in the header, where pandas makes `age.1` of a second `age`."""
    names = list(map(str, table.columns))
    made = [name for name in names if re.fullmatch(r".*\.\d+", name) and name.rpartition(".")[0] in names]
    if not made:
        return
    written = read(what, label, header).iloc[0].tolist()
    twice = [name for name in written if written.count(name) > 1]
    if twice:
        raise DataError(f"columns must differ in name, got {twice[0]!r} twice in {label}: rename one")


def _refuse_short_lines(what: str, label: str, file: Path | io.BytesIO, n: int, given: Mapping[str, Any]) -> None:
    """Checks that no line lacks cells, which pandas takes for missing values."""
    end, sep, encoding = (endings(label) or [""])[-1], given["sep"], given.get("encoding", "utf-8-sig")
    if sep is None or len(sep) > 1 or (end in PACKED and end not in _OPENERS):
        return
    with unpacked(file, end) as binary, io.TextIOWrapper(binary, encoding, newline="") as lines:
        rows = csv.reader(lines, delimiter=sep)
        try:
            for row in rows:
                if row and len(row) < n:
                    raise DataError(
                        f"{what} needs {n} cells in each row, got {len(row)} in line {rows.line_num} of {label}: "
                        "correct that line or sep"
                    )
        except csv.Error:  # a text longer than it takes: nothing is known about the lines
            return


def unpacked(file: Path | io.BytesIO, end: str) -> Any:  # Any: a binary file of one of four classes
    """A file opened for reading, unpacked where the ending of its name says that it is packed."""
    if end in _OPENERS:
        return _OPENERS[end](_rewound(file), "rb")
    return file.open("rb") if isinstance(file, Path) else _rewound(file)
