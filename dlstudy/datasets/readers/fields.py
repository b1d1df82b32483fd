"""What the readers share: the fields of a `Data`, columns by name, and errors of other libraries in one line."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from dlstudy.common.text import message_of, one_line, short_repr, without_secrets
from dlstudy.datasets.formats import DAMAGED
from dlstudy.datasets.readers.paths import MEMORY_BOUND, Source, is_address
from dlstudy.errors import DataError

__all__ = [
    "check_columns",
    "check_size",
    "check_stream",
    "columns_as_values",
    "encoding_of",
    "fields",
    "mapping",
    "name_of",
    "names_of",
    "near",
    "read",
    "refuse_missing",
    "targets_of",
]

OF_ROWS = ("weight", "groups", "times", "split")
_LONGEST = 40
"""The most letters of a name, see `dataset.require_data_name`."""

Value = TypeVar("Value")


def fields(what: str, own: Mapping[str, Any], *, x: Any, y: Any, name: str, source: str) -> dict[str, Any]:
    """The fields of a `Data`. Any: arrays, tables and texts.

    Args:
        what: reads them, for messages.
        own: fields that the user states; they win.
        x, y: as `Data` takes them.
        name: of the source; made valid.
        source: the default of `Data.source`.

    Raises:
        DataError: the user states x or y too.
    """
    for field in ("x", "y"):
        if field in own:
            raise DataError(f"{what} reads {field} itself, got {field}= too: leave it out, or use Data(x, y)")
    return {"name": _valid(name), "source": source, **own, "x": x, "y": y}


def _valid(name: str) -> str:
    """The name in letters, digits, `_`, `.` and `-`, as `dataset.require_data_name` wants it."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-._")[:_LONGEST] or "data"


def name_of(source: Source) -> str:
    """The name of a file without its endings: `churn` of `data/churn.csv.gz`."""
    path = unquote(urlsplit(str(source)).path) if is_address(source) else str(source)
    name = PurePosixPath(path.replace("\\", "/")).name
    return re.sub(r"(\.[A-Za-z][A-Za-z0-9]{1,7})+$", "", name) or name


def read(what: str, label: str, function: Callable[[], Value], remedy: str = "check the file") -> Value:
    """What a function reads.

    Args:
        what: reads it, for messages.
        label: of what it reads from.
        function: raises what readers raise for files that are damaged or of another kind.
        remedy: the end of the message.

    Raises:
        DataError: the function raised one of those.
    """
    try:
        return function()
    except UnicodeDecodeError as error:
        reason = f"byte 0x{error.object[error.start]:02x} is no {error.encoding} text"
        remedy = "state its encoding, as in options={'encoding': 'latin-1'}"
    except (*DAMAGED, ImportError) as error:
        strerror = getattr(error, "strerror", None)
        reason = strerror if isinstance(strerror, str) else message_of(error) or type(error).__name__
    raise DataError(f"{what} cannot read {label} ({one_line(without_secrets(reason))}): {remedy}")


def mapping(what: str, options: Any) -> dict[str, Any]:  # Any: what a user states, and what another library takes
    """The options of another library's function.

    Raises:
        DataError: they are no mapping.
    """
    if options is not None and not isinstance(options, Mapping):
        raise DataError(f"options of {what} must be a dict, got {short_repr(options)}: give options={{'name': value}}")
    return dict(options or {})


def encoding_of(what: str, options: Mapping[str, Any]) -> str:
    """The encoding of files of text, which is all that can be stated of them.

    Raises:
        DataError: the options state something else.
    """
    for name in options:
        if name != "encoding":
            raise DataError(
                f"{what} takes the option encoding alone for such files, got {short_repr(name)}: leave it out"
            )
    return str(options.get("encoding", "utf-8-sig"))


def names_of(what: str, names: Any) -> list[str]:  # Any: what a user states
    """One name, several or none, as a list.

    Raises:
        DataError: it is nothing of that kind.
    """
    found = [names] if isinstance(names, str) else [] if names is None else names
    if isinstance(found, Iterable):
        found = list(found)
        if all(isinstance(name, str) for name in found):
            return found
    raise DataError(f"{what} must be the name of a column, or a list of names, got {short_repr(names)}")


def check_columns(what: str, names: Iterable[str], columns: Iterable[Any]) -> None:  # Any: pandas's labels
    """Checks that there are columns of those names.

    Raises:
        DataError: one is not there.
    """
    known = [str(column) for column in columns]
    for name in names:
        if name not in known:
            raise DataError(f"{what} must name a column, got {short_repr(name)}: {near(name, known)}")


def near(name: str, known: list[str]) -> str:
    """What was meant by a name that is not known, or what is known."""
    close = difflib.get_close_matches(name, known, 1)
    more = ", ..." if len(known) > 20 else ""
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known[:20])}{more}"


def refuse_missing(what: str, values: Any, where: str = "") -> None:  # Any: a pandas series
    """Checks that no value is missing.

    Raises:
        DataError: some are.
    """
    absent = values.isna().to_numpy()
    if absent.any():
        raise DataError(
            f"missing {what} in {absent.sum():,} of {len(absent):,} rows{where}, the first is row "
            f"{absent.argmax():,}, counted from 0: drop them or fill them"
        )


def targets_of(what: str, table: Any, target: Any, column: str, kind: str) -> Any:  # Any: pandas's tables and series
    """The targets of a table whose inputs are files or texts in one column; None for none.

    Args:
        what: reads it, for messages.
        table: a pandas table.
        target: the name of the column of targets, or names; None for none.
        column: of the inputs.
        kind: what those are.

    Raises:
        DataError: there is no such column or no row, or a value is missing.
    """
    targets = names_of("target", target)
    check_columns("path" if kind == "file" else kind, [column], table.columns)
    check_columns("target", targets, table.columns)
    if not len(table):
        raise DataError(f"{what} needs rows, got an empty table: check it")
    refuse_missing(f"{kind} in column {column!r}", table[column])
    for name in targets:
        refuse_missing(f"target {name!r}", table[name])
    return table[target] if isinstance(target, str) else table[targets] if targets else None


def columns_as_values(own: Mapping[str, Any], table: Any) -> dict[str, Any]:  # Any: a pandas table
    """The fields that the user states, with a table's values where they name its columns.

    Raises:
        DataError: there is no such column.
    """
    named = {field: own[field] for field in OF_ROWS if isinstance(own.get(field), str)}
    for field, name in named.items():
        check_columns(f"Data.{field}", [name], table.columns)
    return {**own, **{field: table[name] for field, name in named.items()}}


def check_stream(stream: Any) -> None:  # Any: what a user states
    """Checks whether rows are stated to stay in files.

    Raises:
        DataError: it is none of True, False and None.
    """
    if stream is not None and not isinstance(stream, bool):
        raise DataError(f"stream must be True, False, or None to go by the size, got {short_repr(stream)}: correct it")


def check_size(what: str, n_bytes: int) -> None:
    """Checks that arrays fit into memory.

    Raises:
        DataError: they are too large.
    """
    if n_bytes > MEMORY_BOUND:
        raise DataError(
            f"{what} holds at most {MEMORY_BOUND / 1e9:g} GB in memory, got {n_bytes / 1e9:.1f} GB: make the rows "
            "smaller or fewer, or read them as a stream by Data.stream"
        )
