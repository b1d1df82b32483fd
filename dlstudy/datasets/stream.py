"""Rows that are larger than memory, as a study gives them to `Study(data=...)`: read while they train."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dlstudy.common.text import short_repr
from dlstudy.datasets.dataset import TASKS, require_data_name
from dlstudy.errors import DataError

__all__ = ["Part", "Stream"]

Part = Callable[[int], Any]
"""Gives a part of a stream for a seed. Any: a `tf.data.Dataset`, a `keras.utils.PyDataset`, or an iterable of rows."""


@dataclass(frozen=True, eq=False)
class Stream:
    """Rows that come one after another, for data larger than memory.

    Each part is a function of a seed that gives a `tf.data.Dataset` of rows, an iterable of rows, or a
    `keras.utils.PyDataset`, which gives batches. A row is `x`, `(x, y)` or `(x, y, weight)`. The seed is that of the
    trial: whatever is drawn must be drawn from it, so that the same seed gives the same order.

    Args:
        train, validation, test: the parts; each gives the same rows for every seed.
        name: as of `Data`.
        version: what is in it, where no files say that: it must change when the rows do.
        files: that it reads; their content counts in place of a version. Relative to the study's file.
        task: one of `TASKS`.
        n_classes: of a classification.
        label_names: a name for each label; empty for their numbers.
        shuffle: rows among which each next training row is drawn (`tf.data.Dataset.shuffle`); 0 where the part shuffles
            itself.
        batched: whether the data sets and iterables give batches, so that `batch_size` is theirs.
        title, source, licence, units: as of `Data`.
    """

    train: Part
    validation: Part | None = None
    test: Part | None = None
    name: str = "stream"
    version: str = ""
    files: Sequence[str] = ()
    task: str = "other"
    n_classes: int = 0
    label_names: Sequence[str] = ()
    shuffle: int = 0
    batched: bool = False
    title: str = ""
    source: str = ""
    licence: str = ""
    units: str = ""

    def __post_init__(self) -> None:
        require_data_name(self.name)
        if self.task not in TASKS:
            raise DataError(f"the task of a stream must be one of {', '.join(TASKS)}, got {short_repr(self.task)}")
        for name in ("train", "validation", "test"):
            part = getattr(self, name)
            if not callable(part) and (name == "train" or part is not None):
                raise DataError(f"{name} of a stream must be a function of a seed, got {short_repr(part)}")
        if isinstance(self.files, str) or not all(isinstance(file, str) for file in self.files):
            raise DataError(f"files of a stream must be a list of paths, got {short_repr(self.files)}")
        if not self.version and not self.files:
            raise DataError("a stream needs version or files, got neither: they say when its rows have changed")
        if not isinstance(self.shuffle, int) or self.shuffle < 0:
            raise DataError(f"shuffle of a stream must be a number of rows from 0, got {short_repr(self.shuffle)}")
        if self.task in ("binary", "multiclass") and len(self.label_names or range(self.n_classes)) < 2:
            raise DataError(f"a {self.task} stream needs n_classes or label_names, got {self.n_classes} classes")

    @property
    def parts(self) -> dict[str, Part]:
        """Those that it has, by name."""
        found = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: part for name, part in found.items() if part is not None}
