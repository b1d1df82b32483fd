"""A data set: its description, its four arrays and their checksum."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from dlstudy.common.text import short_repr
from dlstudy.datasets.structure import Structure
from dlstudy.errors import DataError

__all__ = [
    "ARRAY_NAMES",
    "TASKS",
    "Array",
    "Arrays",
    "Dataset",
    "Description",
    "checksum",
    "checksum_of_files",
    "plain",
    "require_data_name",
    "undivided",
]

Array: TypeAlias = npt.NDArray[Any]  # Any: the element type differs between data sets (uint8 images, float64 tables)
Arrays: TypeAlias = dict[str, Array]

TASKS = ("binary", "multiclass", "multilabel", "regression", "sequence", "other")
"""What the targets of one's own data can be. Data sets of dlstudy's are for a `classification` or a `regression`."""

ARRAY_NAMES = ("x_train", "y_train", "x_test", "y_test")


@dataclass(frozen=True)
class Description:
    """The description of a data set, known without reading it; plain data.

    Args:
        name: what the user types: `mnist`.
        title: one line for readers.
        task: `classification` or `regression`; of one's own data, one of `TASKS`.
        input_shape: of one row of x: (28, 28) for an image, (11,) for a table of 11 features; where x is a structure, a
            structure of shapes.
        n_classes: number of labels; 0 for a regression.
        label_names: one name for each label, in the order of the label numbers; empty for a regression.
        n_train: rows of x_train and y_train.
        n_test: rows of x_test and y_test; 0 if the data comes undivided: a study's split divides it.
        units: of the values of x, with their range.
        scale: models get `x / scale`: images in [0, 1]; tables have scale 1.
        source: who made the data, the citation, and how this copy differs.
        licence: as far as known.
        sha256: what `checksum` gives for the arrays, or, where `identified_by` is `files`, `checksum_of_files`.
        identified_by: `arrays`, or `files`: the checksums of the official files are known, those of the arrays in
            them are not. Then every source checks its files, and the cache keeps the checksum of what it stored.
        feature_names: of the columns of x, in order; empty for images.
        target_name: of y in a regression, with its unit.
        target_names: of the columns of y, where a regression has several that are named.
        caveat: why this is not the canonical data set; empty where it is. Shown wherever results are.
        stands_for: the name of the data set that it is used in place of; empty if it replaces none.
        stated_rows: test rows that a document used, counted from 0, by the name that `Split.test` knows them by.
        n_validation: rows of x_train that the data itself states for validation.
        group_name: what the groups of its rows are; empty where it states none.
        has_times: whether its rows are in the order of stated times.
        is_stream: whether its rows come one after another, and are in no arrays.
    """

    name: str
    title: str
    task: str
    input_shape: tuple[int, ...]
    n_classes: int
    label_names: tuple[str, ...]
    n_train: int
    n_test: int
    units: str
    scale: float
    source: str
    licence: str
    sha256: str
    identified_by: str = "arrays"
    feature_names: tuple[str, ...] = ()
    target_name: str = ""
    caveat: str = ""
    stands_for: str = ""
    stated_rows: Mapping[str, tuple[int, ...]] = field(default_factory=dict, hash=False)
    n_validation: int = 0
    group_name: str = ""
    has_times: bool = False
    is_stream: bool = False
    target_names: tuple[str, ...] = ()

    @property
    def shown_name(self) -> str:
        """What sentences call it: the title of one's own data; else the name."""
        return self.title if self.is_own else self.name

    @property
    def is_own(self) -> bool:
        """Whether these are rows of a user's own, whose name ends in a part of their hash."""
        return re.fullmatch(r".+-[0-9a-f]{12}", self.name) is not None

    @property
    def may_be_sorted(self) -> bool:
        """Whether the order of its rows may go by their class, as of a folder for each, and has no other meaning."""
        return self.is_own and not (self.has_times or self.is_stream)

    def name_of_label(self, label: Any) -> str:  # Any: a number, of Python's or NumPy's
        """The name of a label; its number where the data has none for it, as after a study's `prepare`."""
        names = self.label_names
        return names[int(label)] if 0 <= label < len(names) and label == int(label) else str(label)

    def names_of_targets(self, n: int) -> tuple[str, ...]:
        """A name for each of n targets of a regression."""
        if n == 1:
            return (self.target_name or "target",)
        return self.target_names if len(self.target_names) == n else tuple(f"target {i}" for i in range(n))

    @property
    def labels_steps(self) -> bool:
        """Whether each row is a sequence, whose steps have a label or a value each."""
        return self.task == "sequence"

    @property
    def counted(self) -> str:
        """What has a label, in the plural."""
        return "steps" if self.labels_steps else "rows"

    @property
    def label_word(self) -> str:
        """What one of the labels is called: a class, of which each row has one, or a label, of which it has several."""
        return "label" if self.task in ("multilabel", "sequence") else "class"

    @property
    def classifies(self) -> bool:
        """Whether each row has one label of several."""
        return self.task in ("classification", "binary", "multiclass")


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set, its arrays opened as read-only memory maps so that many workers share the pages.

    Args:
        description: what the arrays are.
        x_train: (n_train, *input_shape), the raw type of the data set: uint8 for images, float64 for
            tables, not yet divided by `scale`. Of one's own data, a structure of arrays and tables, as it was given.
        y_train: (n_train,), uint8 labels for a classification, float64 targets for a regression; of one's own data, as
            it was given, labels as numbers from 0.
        x_test: (n_test, *input_shape), as x_train.
        y_test: (n_test,), as y_train.
        weight_train, weight_test: (n_train,) and (n_test,), the weights of the rows; None for equal ones.
        groups: (n_train,) int32, equal for rows that belong together; None where the data states none.
        validation_rows: (n_validation,) int32, the rows of x_train that the data states for validation; None for none.
    """

    description: Description
    x_train: Structure
    y_train: Structure
    x_test: Structure
    y_test: Structure
    weight_train: Array | None = None
    weight_test: Array | None = None
    groups: Array | None = None
    validation_rows: Array | None = None


def require_data_name(name: object) -> None:
    """Checks a name that a user gives to rows of their own.

    Raises:
        DataError: it is none.
    """
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", name):
        raise DataError(f"Data.name must be 1 to 40 letters, digits, _, . and -, got {short_repr(name)}")


def checksum(arrays: Mapping[str, Array]) -> str:
    """SHA-256 of x_train, y_train, x_test and y_test, 64 hexadecimal digits.

    For each, in this order, the hash covers the line `name dtype shape` and a line feed in ASCII (`x_test |u1
    (10000, 28, 28)`, the type as NumPy's little-endian type string), then the elements in C order. It depends on
    the values alone, not on the file format.

    Raises:
        DataError: an array is missing, or holds Python objects.
    """
    digest = hashlib.sha256()
    for name in ARRAY_NAMES:
        if name not in arrays:
            raise DataError(f"a data set needs {', '.join(ARRAY_NAMES)}: {name} is missing")
        if arrays[name].dtype.hasobject:
            raise DataError(f"a data set holds numbers, but {name} holds Python objects")
        values = plain(arrays[name])
        digest.update(f"{name} {values.dtype.str} {values.shape}\n".encode("ascii"))
        digest.update(values.data)
    return digest.hexdigest()


def checksum_of_files(hashes: Mapping[str, str]) -> str:
    """SHA-256 of the names of files with their own SHA-256, 64 hexadecimal digits.

    The hash covers, in the order of the names, the lines `name sha256` with a line feed, in ASCII.
    """
    lines = "".join(f"{name} {value}\n" for name, value in sorted(hashes.items()))
    return hashlib.sha256(lines.encode("ascii")).hexdigest()


def undivided(x: Array, y: Array) -> Arrays:
    """All rows as training rows and no test rows, for data that a study's split divides."""
    return {"x_train": x, "y_train": y, "x_test": x[:0], "y_test": y[:0]}


def plain(array: npt.ArrayLike) -> Array:
    """The same values as a little-endian array in C order, which is how they are hashed and stored."""
    values = np.asarray(array)
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
