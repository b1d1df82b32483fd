"""Tables from CSV, Parquet and JSON lines, read by pandas; the types of columns are kept."""

import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dlstudy.common.text import short_repr
from dlstudy.datasets.readers.csv_files import PACKED, csv_table, endings, unpacked
from dlstudy.datasets.readers.fields import (
    check_columns,
    check_stream,
    encoding_of,
    fields,
    mapping,
    name_of,
    names_of,
    read,
    refuse_missing,
)
from dlstudy.datasets.readers.frames import flat, joined
from dlstudy.datasets.readers.parquet_rows import ParquetTable
from dlstudy.datasets.readers.paths import MEMORY_BOUND, Source, content, files_of, is_address, label_of
from dlstudy.errors import DataError

__all__ = ["read_csv", "read_parquet", "read_table"]

_UNNAMED = re.compile(r"Unnamed: \d+")
_CSV, _PARQUET = "Data.csv", "Data.parquet"


def read_csv(
    paths: Any,  # Any: checked here
    target: str | Sequence[str] | None,
    *,
    drop: str | Sequence[str] = (),
    index: bool = False,
    dtypes: Any = None,  # Any: as pandas takes it
    parse_dates: str | Sequence[str] = (),
    sep: str | None = ",",
    sha256: str | None = None,
    options: Mapping[str, Any] | None = None,
    own: Mapping[str, Any],
) -> dict[str, Any]:
    """The fields of `Data.csv`, whose arguments these are; `own` holds those of `Data`.

    Raises:
        DataError: the files cannot be read, or are no table with these columns.
    """
    dates = names_of("parse_dates", parse_dates)
    given = {"sep": sep, "dtype": dtypes, "parse_dates": dates or False, **mapping(_CSV, options)}

    def table_of(source: Source) -> Any:  # Any: a pandas table
        table = flat(csv_table(_CSV, source, given, sha256))
        if index:
            table = table.iloc[:, 1:]
        _refuse_unnamed(table, index)
        _check_types(table, dtypes, dates)
        return table

    return _fields(_CSV, files_of(_CSV, paths), table_of, target, drop, sha256, own)


def read_parquet(
    paths: Any,  # Any: checked here
    target: str | Sequence[str] | None,
    *,
    drop: str | Sequence[str] = (),
    sha256: str | None = None,
    options: Mapping[str, Any] | None = None,
    stream: bool | None = None,
    own: Mapping[str, Any],
) -> dict[str, Any]:
    """The fields of `Data.parquet`, whose arguments these are; `own` holds those of `Data`.

    Raises:
        DataError: the files cannot be read, or are no table with these columns.
    """
    given = mapping(_PARQUET, options)
    check_stream(stream)
    sources = files_of(_PARQUET, paths)
    table = None if stream is False else _table_on_disk(sources, drop, sha256, given, stream)
    if table is not None:
        return _fields_of(_PARQUET, table, sources, target, drop, own)
    return _fields(
        _PARQUET, sources, lambda source: _parquet(_PARQUET, source, given, sha256), target, drop, sha256, own
    )


def _table_on_disk(
    sources: Sequence[Source], drop: Any, sha256: Any, options: Mapping[str, Any], stream: bool | None
) -> ParquetTable | None:  # Any: as `read_parquet` has them
    """The table of files that are not to be held in memory; None for those that are.

    Raises:
        DataError: it is asked for, and cannot be had.
    """
    files = [Path(source) for source in sources if not is_address(source) and Path(source).is_file()]
    if options or len(files) < len(sources):
        if stream:
            what = "options" if options else "an address or a folder"
            raise DataError(f"{_PARQUET}(stream=True) reads files as they are, got {what}: give the files alone")
        return None
    _check_one(sources, sha256)
    table = ParquetTable(_PARQUET, [Path(str(content(_PARQUET, file, sha256))) for file in files])
    if stream:
        return table
    known = [name for name in names_of("drop", drop) if name in table.columns]
    kept = table.drop(known)
    return table if kept.has_numbers_only and kept.n_bytes > MEMORY_BOUND else None


def read_table(what: str, path: Source, sha256: str | None = None, options: Any = None) -> Any:
    """The table in a file of a kind that its name tells: `.parquet`, `.jsonl`, `.tsv`, otherwise CSV. Any: of pandas.

    Args:
        what: reads it, for messages.
        path: of the file, or its address.
        sha256: that it must have; None for any.
        options: of pandas's reader.

    Raises:
        DataError: it cannot be read, or has no rows.
    """
    source, *more = files_of(what, path)
    if more:
        raise DataError(f"{what} reads one table, got {len(more) + 1} files: join them, or use Data.csv")
    given = mapping(what, options)
    kind = next((end for end in reversed(endings(source)) if end not in PACKED), "")
    if kind == ".parquet":
        table = _parquet(what, source, given, sha256)
    elif kind in (".jsonl", ".ndjson"):
        table = _json_lines(what, source, given, sha256)
    else:
        table = csv_table(what, source, {"sep": "\t" if kind == ".tsv" else ",", **given}, sha256)
    if not len(table):
        raise DataError(f"{what} needs rows, got none in {label_of(source)}: check the file")
    return table


def _fields(
    what: str,
    sources: Sequence[Source],
    table_of: Callable[[Source], Any],
    target: Any,
    drop: Any,
    sha256: Any,
    own: Mapping[str, Any],
) -> dict[str, Any]:  # Any: what a user states; pandas's tables
    _check_one(sources, sha256)
    table = joined([(label_of(source), table_of(source)) for source in sources])
    return _fields_of(what, table, sources, target, drop, own)


def _check_one(sources: Sequence[Source], sha256: Any) -> None:
    if sha256 is not None and len(sources) > 1:
        raise DataError(f"sha256 is of one file, got {len(sources)} files: leave it out")


def _fields_of(
    what: str, table: Any, sources: Sequence[Source], target: Any, drop: Any, own: Mapping[str, Any]
) -> dict[str, Any]:  # Any: what a user states; a table of pandas's, or one on disk
    labels = ", ".join(label_of(source) for source in sources[:3]) + (", ..." if len(sources) > 3 else "")
    targets, dropped = names_of("target", target), names_of("drop", drop)
    columns = table.columns
    if columns.has_duplicates:
        raise DataError(
            f"columns must differ in name, got {columns[columns.duplicated()][0]!r} twice in {labels}: rename one"
        )
    check_columns("target", targets, columns)
    check_columns("drop", dropped, columns)
    if both := set(targets) & set(dropped):
        raise DataError(f"a column is either the target or dropped, got {min(both)!r} for both: leave one out")
    if not len(table):
        raise DataError(f"{what} needs rows, got none in {labels}: check the file")
    for name in targets:
        refuse_missing(f"target {name!r}", table[name], f" of {labels}")
    table = table.drop(columns=dropped)
    if len(table.columns) == len(targets):
        raise DataError(f"a table needs a column beside the target, got none in {labels}: check target, drop and sep")
    y = target if isinstance(target, str) else targets or None
    return fields(what, own, x=table, y=y, name=name_of(sources[0]), source=labels)


def _refuse_unnamed(table: Any, index: bool) -> None:
    for place, name in enumerate(map(str, table.columns)):
        if _UNNAMED.fullmatch(name):
            hint = "name it" if index or place else "name it, or state index=True if it numbers the rows"
            raise DataError(f"each column needs a name, got none for column {place + 1}: {hint}")


def _check_types(table: Any, dtypes: Any, dates: Sequence[str]) -> None:
    """Checks what pandas leaves as it is without a word."""
    if isinstance(dtypes, Mapping):
        check_columns("dtypes", map(str, dtypes), table.columns)
    for name in table.columns:
        known = table[name].dropna() if getattr(table[name].dtype, "kind", "") == "O" else []
        if len(known) and all(isinstance(value, bool) for value in known):
            raise DataError(
                f"a column of truth values must have one in each row, got none in {table[name].isna().sum():,} rows of "
                f"{name!r}: state dtypes={{{name!r}: 'boolean'}}, or 'category'"
            )
    for name in dates:
        if len(table) and getattr(table[name].dtype, "kind", "O") != "M":
            raise DataError(
                f"parse_dates must name columns of dates, got {short_repr(table[name].iloc[0])} in {name!r}: state "
                "options={'date_format': ...}"
            )


def _parquet(what: str, source: Source, given: Mapping[str, Any], sha256: str | None) -> Any:
    import pandas

    file = content(what, source, sha256)
    return flat(read(what, label_of(source), lambda: pandas.read_parquet(file, **given), "it must be a Parquet file"))


def _json_lines(what: str, source: Source, given: Mapping[str, Any], sha256: str | None) -> Any:
    """The table of a file with an object in each line. pandas's own reader guesses dates from names of columns."""
    file = content(what, source, sha256)
    end, encoding = (endings(source) or [""])[-1], encoding_of(what, given)

    def parse() -> list[dict[str, Any]]:
        rows = []
        with unpacked(file, end) as binary, io.TextIOWrapper(binary, encoding) as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    try:
                        row = json.loads(line)
                    except json.JSONDecodeError as error:
                        raise ValueError(f"line {number} is no JSON: {error.msg}") from error
                    if not isinstance(row, dict):
                        raise ValueError(f"line {number} is no object: {short_repr(row)}")
                    rows.append(row)
        return rows

    import pandas

    return pandas.DataFrame(read(what, label_of(source), parse))
