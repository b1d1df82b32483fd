"""A user's own rows, as a study gives them to `Study(data=...)`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dlstudy.common.text import short_repr
from dlstudy.datasets.dataset import TASKS, require_data_name
from dlstudy.datasets.stream import Part, Stream
from dlstudy.datasets.structure import Structure
from dlstudy.errors import DataError

__all__ = ["Data"]

_TEXTS = ("title", "source", "licence", "units")


@dataclass(frozen=True, eq=False)
class Data:
    """Rows of one's own: inputs, targets, and what belongs to each row.

    Arrays may be NumPy's, lists of numbers or of texts, and pandas's series; a table is pandas's data frame. Numbers
    keep their types. Rows are counted from 0, in the order given.

    Args:
        x: (n, ...) inputs: an array, a table, texts, or a dict, list or tuple of those.
        y: (n, ...) targets, likewise; or the name of the table's column that holds them, or a list of names. Labels may
            be texts. `y=x` is for an autoencoder; None is for a model that takes no targets.
        name: short, for reports and commands; letters, digits, `_`, `.` and `-`.
        weight: (n,) of each row, at least 0; or the name of a column.
        groups: (n,) whose equal values belong together, such as patients; or the name of a column. For `Split.groups`.
        times: (n,) when each row was observed, in ascending order; or the name of a column. For `Split.last`.
        split: (n,) of "train", "validation" and "test"; or the name of a column. The test rows are then the data's own,
            and `Split(validation="stated")` takes the validation rows.
        task: one of `TASKS`; None reads it from y.
        label_names: a name for each label 0, 1, ...; None takes them from y, in ascending order.
        feature_names: of the columns of an array x, (n, columns); a table has its own.
        title: one line for readers.
        source: who made the data.
        licence: of the data.
        units: of the values of x.
    """

    x: Structure
    y: Structure = None
    name: str = "data"
    weight: Any = None  # Any: an array, a series, a list or the name of a column; so are the next three
    groups: Any = None
    times: Any = None
    split: Any = None
    task: str | None = None
    label_names: Sequence[str] | None = None
    feature_names: Sequence[str] = ()
    title: str = ""
    source: str = ""
    licence: str = ""
    units: str = ""

    @classmethod
    def stream(cls, train: Part, validation: Part | None = None, test: Part | None = None, **options: Any) -> Stream:
        """Rows larger than memory, in parts that are read while they train; see `dlstudy.datasets.stream.Stream`.

        Args:
            train, validation, test: functions of a seed that give a `tf.data.Dataset` of rows, an iterable of rows or a
                `keras.utils.PyDataset`.
            options: the other fields of `Stream`, by name.

        Raises:
            DataError: one of them is not valid.
        """
        try:
            return Stream(train, validation, test, **options)
        except TypeError as error:
            raise DataError(f"Data.stream: {str(error).partition('() ')[2] or error}") from error

    def __post_init__(self) -> None:
        if self.task is not None and self.task not in TASKS:
            raise DataError(f"Data.task must be one of {', '.join(TASKS)}, or None, got {short_repr(self.task)}")
        require_data_name(self.name)
        for name in _TEXTS:
            value = getattr(self, name)
            if not isinstance(value, str):
                raise DataError(f"Data.{name} must be a text, got {short_repr(value)}")
