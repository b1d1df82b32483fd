"""Data sets of OpenML, by scikit-learn."""

from collections.abc import Mapping
from typing import Any

from dlstudy.common.text import short_repr
from dlstudy.datasets.readers.fields import check_columns, fields, mapping, names_of, read, refuse_missing
from dlstudy.errors import DataError

__all__ = ["read_openml"]

_WHAT = "Data.openml"


def read_openml(
    id_or_name: Any,  # Any: checked here
    version: Any,  # Any: checked here
    target: Any,  # Any: checked here
    options: Any,  # Any: as scikit-learn takes them
    own: Mapping[str, Any],
) -> dict[str, Any]:
    """The fields of `Data.openml`, whose arguments these are; `own` holds those of `Data`.

    Raises:
        DataError: it is not stated which version, or OpenML has none, does not answer, or states no target.
    """
    from sklearn.datasets import fetch_openml

    which = _which(id_or_name, version)
    given = {"as_frame": True, "parser": "pandas", **mapping(_WHAT, options)}
    label = " ".join(str(part) for part in which.values())
    found = read(_WHAT, label, lambda: fetch_openml(**which, **given), "check id, name, version and the connection")
    table = getattr(found, "frame", None)
    if table is None:
        raise DataError(f"{_WHAT} reads a table, got options that give none: leave as_frame out")
    targets = names_of("target", target) or list(found.target_names or [])
    if not targets:
        columns = ", ".join(map(str, table.columns[:20]))
        raise DataError(f"{_WHAT} needs a target, OpenML states none of {label}: state target, one of {columns}")
    check_columns("target", targets, table.columns)
    for name in targets:
        refuse_missing(f"target {name!r}", table[name])
    about = found.details
    source = f"OpenML, data set {about.get('id', label)}: {about.get('name', label)}, version {about.get('version')}"
    y = targets[0] if len(targets) == 1 and not isinstance(target, list | tuple) else targets
    name = str(about.get("name", f"openml-{label}"))
    return {"licence": str(about.get("licence", "")), **fields(_WHAT, own, x=table, y=y, name=name, source=source)}


def _which(id_or_name: Any, version: Any) -> dict[str, Any]:
    """The arguments that tell scikit-learn exactly one version."""
    if type(id_or_name) is int and id_or_name > 0:
        if version is not None:
            raise DataError(f"an OpenML id is of one version, got version={short_repr(version)} too: leave it out")
        return {"data_id": id_or_name}
    if not isinstance(id_or_name, str) or not id_or_name.strip():
        raise DataError(f"{_WHAT} needs an id, a whole number from 1, or a name, got {short_repr(id_or_name)}")
    if type(version) is not int or version < 1:
        raise DataError(
            f"{_WHAT} needs the version of {short_repr(id_or_name)}, got {short_repr(version)}: state version=1 or "
            "another one, since what a name alone stands for may change"
        )
    return {"name": id_or_name, "version": version}
