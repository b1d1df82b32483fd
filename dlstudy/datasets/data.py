"""A user's own rows, as a study gives them to `Study(data=...)`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
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

    @classmethod
    def _by(
        cls, reader: Callable[..., dict[str, Any]], *arguments: Any, own: Mapping[str, Any], **options: Any
    ) -> "Data":
        """What a reader reads, with further fields that the user states. Any: as each reader takes them.

        While a study file is loaded it is read when it is first used.
        """
        from dlstudy.datasets.readers.fields import near
        from dlstudy.datasets.readers.paths import base_folder, reads_later

        known = [field.name for field in fields(cls)]
        for name in own:
            if name not in known:
                raise DataError(f"Data has no argument {name!r}: {near(name, known)}")
        read = partial(reader, *arguments, own=own, **options)
        return _Unread(read, base_folder.get()) if reads_later.get() else cls(**read())

    @classmethod
    def csv(
        cls,
        path: Any,  # Any: a path, a pattern, an address, or a list of those
        target: str | Sequence[str] | None,
        *,
        drop: str | Sequence[str] = (),
        index: bool = False,
        dtypes: Any = None,  # Any: as pandas takes it
        parse_dates: str | Sequence[str] = (),
        sep: str | None = ",",
        sha256: str | None = None,
        options: Mapping[str, Any] | None = None,
        **own: Any,  # Any: the arguments of Data
    ) -> "Data":
        """The table in a CSV file, which may be compressed, or in several files of the same columns, one after another.

        Types of columns are those that pandas reads. Text stays text, also where there are few different texts: whether
        they are categories is a statement about the data, which `dtypes={"city": "category"}` makes.

        A path is relative to the study file if it is there, else to the current folder.

        Args:
            path: of the file; `parts/*.csv` for several, in the order of their names; an address on the web, whose
                user, password and query are kept nowhere; or a list of those, in that order.
            target: the name of the column of targets, a list of names, or None for no targets.
            drop: columns to leave out.
            index: whether the first column only numbers the rows, and is left out.
            dtypes: the types of columns by name, as `pandas.read_csv` takes them.
            parse_dates: columns of dates.
            sep: what separates cells; None finds it.
            sha256: of the file, 64 hexadecimal digits, which it must have; None for any.
            options: further options of `pandas.read_csv`, such as `{"encoding": "latin-1", "decimal": ","}`.
            own: further arguments of `Data`, such as `groups="patient"`. name and source are the file's if not stated.

        Raises:
            DataError: the file cannot be read, has no such column or no rows, or lacks targets or cells.
        """
        from dlstudy.datasets.readers.tables import read_csv

        given = {"index": index, "dtypes": dtypes, "parse_dates": parse_dates, "sep": sep, "options": options}
        return cls._by(read_csv, path, target, drop=drop, sha256=sha256, own=own, **given)

    @classmethod
    def parquet(
        cls,
        path: Any,  # Any: as of csv
        target: str | Sequence[str] | None,
        *,
        drop: str | Sequence[str] = (),
        sha256: str | None = None,
        options: Mapping[str, Any] | None = None,
        stream: bool | None = None,
        **own: Any,  # Any: the arguments of Data
    ) -> "Data":
        """The table in a Parquet file or folder, or in several; a named index is a column.

        A table of numbers that would take more than 4 GB (`readers.paths.MEMORY_BOUND`) is copied to the cache as one
        array, from which a training reads each batch.

        Args:
            path, target, drop, sha256, own: as of `csv`.
            options: further options of `pandas.read_parquet`, such as `{"columns": ["age", "ill"]}`.
            stream: whether to do so; None to go by the size.

        Raises:
            DataError: as `csv`.
        """
        from dlstudy.datasets.readers.tables import read_parquet

        given = {"options": options, "stream": stream}
        return cls._by(read_parquet, path, target, drop=drop, sha256=sha256, own=own, **given)

    @classmethod
    def npz(
        cls,
        path: Any,  # Any: a path or an address
        x: str | Sequence[str] = "x",
        y: str | Sequence[str] | None = "y",
        *,
        sha256: str | None = None,
        **own: Any,  # Any: the arguments of Data
    ) -> "Data":
        """Arrays from an `.npz` file. Where it has none of that name but `x_train`, its parts are the data's own.

        Args:
            path: of the file, relative as of `csv`, or its address.
            x: the name of the array of inputs, or names, for a dict of inputs. Of a file with parts, without its
                `_train`, `_val` (or `_valid`, `_validation`) and `_test`.
            y: that of the targets, likewise; None for no targets.
            sha256, own: as of `csv`.

        Raises:
            DataError: the file cannot be read, holds Python objects, lacks an array, or its arrays differ in rows.
        """
        from dlstudy.datasets.readers.arrays import read_npz

        return cls._by(read_npz, path, x, y, sha256=sha256, own=own)

    @classmethod
    def images(
        cls,
        source: Any,  # Any: a path, or a pandas table
        target: str | Sequence[str] | None = "label",
        *,
        path: str = "file",
        folder: Any = None,  # Any: a path
        size: tuple[int, int] | None = None,
        color: str = "rgb",
        stream: bool | None = None,
        **own: Any,  # Any: the arguments of Data
    ) -> "Data":
        """Images, (n, height, width, 3) or (n, height, width) uint8, from a folder for each class or a table of files.

        A folder holds a folder for each class, named as the class; or the folders `train`, `test` and, if there is
        one, `validation` (or `val`), with such folders, which are then the data's own parts. Pixels are as stored: an
        image is not turned as its camera noted. For an autoencoder, state `target=None` and take
        `dataclasses.replace(data, y=data.x)`.

        Images that would take more than 4 GB (`readers.paths.MEMORY_BOUND`) stay in their files, and a training decodes
        each batch to the same pixels.

        Args:
            source: the folder, relative as of `csv`; or a pandas table, or a file with one, such as a CSV file.
            target: in a table, the column of targets, or a list of names. None for no targets: then a folder may hold
                its images in any folders.
            path: in a table, the column of the images' paths.
            folder: that those paths start from; None for the folder of the table.
            size: (height, width) that all images are made; None if they have one size.
            color: `rgb` or `grayscale`.
            stream: whether images stay in their files; None to go by their size.
            own: as of `csv`; columns are those of a table.

        Raises:
            DataError: an image cannot be read, or has another size; or a class has none.
        """
        from dlstudy.datasets.readers.images import read_images

        given = {"path": path, "folder": folder, "size": size, "color": color, "stream": stream}
        return cls._by(read_images, source, target, own=own, **given)

    @classmethod
    def text(
        cls,
        source: Any,  # Any: a path, or a pandas table
        target: str | Sequence[str] | None = "label",
        *,
        text: str = "text",
        sha256: str | None = None,
        options: Mapping[str, Any] | None = None,
        **own: Any,  # Any: the arguments of Data
    ) -> "Data":
        """Texts, (n,), from a folder of `.txt` files for each class, or from a column of a table.

        Args:
            source: the folder, as of `images`; or a pandas table, or a file with one: CSV, `.tsv`, `.parquet`, or
                `.jsonl` with an object in each line.
            target: in a table, the column of targets, a list of names, or None for no targets.
            text: in a table, the column of texts.
            sha256: as of `csv`.
            options: of pandas's reader of the table; `{"encoding": "latin-1"}` for files that are not UTF-8.
            own: as of `csv`; columns are those of a table.

        Raises:
            DataError: a file cannot be read, a text is missing, or a class has none.
        """
        from dlstudy.datasets.readers.texts import read_texts

        return cls._by(read_texts, source, target, text=text, sha256=sha256, options=options, own=own)

    @classmethod
    def sklearn(cls, name: str, *, options: Mapping[str, Any] | None = None, **own: Any) -> "Data":  # Any: of Data
        """A data set of scikit-learn, as a table where it is one.

        Those with a training and a test subset, such as `20newsgroups`, state these parts. `diabetes` is not scaled,
        as scikit-learn's scale rests on all rows.

        Args:
            name: of the function without `load_` or `fetch_`: `breast_cancer`, `california_housing`.
            options: of that function, such as `{"n_class": 5}`.
            own: as of `csv`.

        Raises:
            DataError: there is no such data set, or it cannot be loaded.
        """
        from dlstudy.datasets.readers.sklearn_sets import read_sklearn

        return cls._by(read_sklearn, name, options, own=own)

    @classmethod
    def openml(
        cls,
        id_or_name: int | str,
        *,
        version: int | None = None,
        target: str | Sequence[str] | None = None,
        options: Mapping[str, Any] | None = None,
        **own: Any,  # Any: the arguments of Data
    ) -> "Data":
        """A data set of OpenML, as a table.

        Args:
            id_or_name: its id, which stands for one version; or its name, with `version`.
            version: of the name; a name alone may stand for another one tomorrow.
            target: the column of targets, or a list of names; None for what OpenML states.
            options: of scikit-learn's `fetch_openml`.
            own: as of `csv`.

        Raises:
            DataError: there is no such data set or column, or OpenML does not answer.
        """
        from dlstudy.datasets.readers.openml import read_openml

        return cls._by(read_openml, id_or_name, version, target, options, own=own)

    @classmethod
    def huggingface(
        cls,
        name: str,
        *,
        x: str | Sequence[str] | None = None,
        y: str | Sequence[str] | None,
        revision: str | None = None,
        config: str | None = None,
        split: str | None = None,
        size: tuple[int, int] | None = None,
        color: str = "rgb",
        **own: Any,  # Any: the arguments of Data
    ) -> "Data":
        """A data set of the Hugging Face Hub, or a folder in one of its formats (`pip install 'dlstudy[huggingface]'`).

        A token for private data is read from the environment, `HF_TOKEN`, and kept nowhere.

        Args:
            name: on the Hub, `user/name`; or the path of a folder, relative as of `csv`.
            x: the column of inputs, or a list of names; None for all but y.
            y: the column of targets, or a list of names; None for no targets.
            revision: a commit or a tag of the Hub's; needed there, as a name alone may stand for others tomorrow.
            config: of data sets that have several.
            split: what to read, as in `train`, `train[:20%]` or `train+validation`; None for all, whose train,
                validation and test are then the data's own parts.
            size, color: of images, as of `images`.
            own: as of `csv`.

        Raises:
            DataError: the package is not installed, or there is no such data set, revision, split or column.
        """
        from dlstudy.datasets.readers.huggingface import read_huggingface

        which = {"revision": revision, "config": config, "split": split}
        return cls._by(read_huggingface, name, x, y, which=which, size=size, color=color, own=own)


_FIELDS = frozenset(field.name for field in fields(Data))


class _Unread(Data):
    """What a reader will read when one of its fields is first asked for; from then on it is a `Data`.

    Args:
        read: gives the fields.
        folder: that relative paths start from.
    """

    def __init__(self, read: Callable[[], dict[str, Any]], folder: Path | None) -> None:  # Any: the fields of Data
        vars(self).update(_read=read, _folder=folder)

    def __repr__(self) -> str:
        return "Data(not read yet)"

    def __getattribute__(self, name: str) -> Any:  # Any: whatever the field is
        if name in _FIELDS:
            _read_now(self)
        return object.__getattribute__(self, name)


def _read_now(data: _Unread) -> None:
    from dlstudy.datasets.readers.paths import base_folder

    own = vars(data)
    before = base_folder.set(own["_folder"])
    try:
        given = own["_read"]()
    finally:
        base_folder.reset(before)
    own.clear()
    object.__setattr__(data, "__class__", Data)
    Data.__init__(data, **given)
