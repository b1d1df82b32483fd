"""What the readers of tables share: rows numbered from 0, and several tables as one."""

from typing import Any

from dlstudy.errors import DataError

__all__ = ["flat", "joined"]


def flat(table: Any) -> Any:  # Any: of pandas
    """The table with a column for each index that has a name, and its rows numbered from 0."""
    named = [name for name in table.index.names if name is not None]
    return table.reset_index(level=named).reset_index(drop=True) if named else table.reset_index(drop=True)


def joined(tables: list[tuple[str, Any]]) -> Any:  # Any: of pandas
    """The rows of all tables, each with a label for messages.

    Raises:
        DataError: their columns differ, in name or type.
    """
    import pandas

    (first_label, first), *others = tables
    for label, table in others:
        if set(table.columns) != set(first.columns):
            differing = sorted(set(map(str, table.columns)) ^ set(map(str, first.columns)))
            raise DataError(
                f"all files need the same columns, got {differing[0]!r} in one of {first_label} and {label} alone: "
                "correct it, or read them apart"
            )
    if not others:
        return first
    parts = [table for _, table in tables]
    return pandas.DataFrame({name: _column(name, [part[name] for part in parts]) for name in first.columns})


def _column(name: Any, columns: list[Any]) -> Any:
    import pandas

    known = [column for column in columns if column.notna().any()] or columns[:1]
    kinds = {str(column.dtype) for column in known}
    numbers = all(getattr(column.dtype, "kind", "O") in "iuf" for column in known)
    if all(str(column.dtype) == "category" for column in columns):
        return pandas.Series(pandas.api.types.union_categoricals(columns, sort_categories=True))
    if len(kinds) > 1 and not numbers:
        raise DataError(
            f"a column needs one type in all files, got {' and '.join(sorted(kinds))} in {name!r}: state its type in "
            "dtypes"
        )
    # A column without any value in one file has the type of no value; the others tell its type.
    same = [column if column.notna().any() or numbers else column.astype(known[0].dtype) for column in columns]
    return pandas.concat(same, ignore_index=True)
