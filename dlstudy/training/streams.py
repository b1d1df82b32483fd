"""The parts of a stream as Keras takes them: batches of rows, in an order that the trial's seed gives."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dlstudy.common.text import short_repr
from dlstudy.datasets import registry
from dlstudy.datasets.dataset import Array, Dataset, Description
from dlstudy.datasets.stream import Stream
from dlstudy.datasets.structure import Structure, map_arrays, rows_in, shapes_of, take
from dlstudy.errors import DataError
from dlstudy.study import loader
from dlstudy.study.loader import StudyFile
from dlstudy.study.row_facts import facts_known
from dlstudy.study.split import Split
from dlstudy.study.splits import Rows, split_rows
from dlstudy.training.building import TrainingData

__all__ = ["Streams", "as_array", "describe_stream", "first_rows", "rows_of_stream", "sizes_of_parts", "stream_of"]

_PROFILED_ROWS = 1_000
"""Of a stream, or its first batch where it gives batches."""


@dataclass(frozen=True)
class Streams:
    """The parts of a stream for one trial.

    Args:
        stream: as the study gives it.
        seed: of the trial.
        batch_size: rows in a batch, where the stream gives rows.
        sizes: how many rows each part has; empty where that is not known yet.
    """

    stream: Stream
    seed: int
    batch_size: int
    sizes: Mapping[str, int] = field(default_factory=dict)

    def part(self, name: str) -> Any:  # Any: a `tf.data.Dataset` or a `keras.utils.PyDataset`
        """Batches of a part; training rows are shuffled where the stream asks for that."""
        rows = _rows_of(self.stream, name, self.seed)
        if not _is_tf(rows):
            return rows
        if name in self.sizes and not self.stream.batched:
            import tensorflow as tf

            rows = rows.apply(tf.data.experimental.assert_cardinality(self.sizes[name]))  # fails where it has changed
        if name == "train" and self.stream.shuffle:
            rows = rows.shuffle(self.stream.shuffle, seed=self.seed, reshuffle_each_iteration=True)
        batches = rows if self.stream.batched else rows.batch(self.batch_size)
        return batches.prefetch(2)

    def batches(self, name: str) -> Iterator[Structure]:
        """The batches of a part once, each a tuple of x, or of x and y, or of x, y and weights."""
        part = self.part(name)
        if _is_tf(part):
            for batch in part:
                yield batch if isinstance(batch, tuple) else (batch,)
        else:
            for i in range(len(part)):
                batch = part[i]
                yield tuple(batch) if isinstance(batch, tuple | list) else (batch,)

    def training(self) -> TrainingData:
        """What `build` gets of the rows that train: their batches."""
        return TrainingData(self.part("train"), None, None)

    def sample(self) -> Structure:
        """The inputs of the first training batch, as arrays; texts are objects."""
        return map_arrays(as_array, next(self.batches("train"))[0])


def as_array(values: Any) -> Array:  # Any: a tensor or an array
    """An array; texts are objects."""
    array: Array = np.asarray(values)
    if array.dtype.kind not in "OS":
        return array
    texts = [text.decode(errors="replace") if isinstance(text, bytes) else text for text in array.ravel().tolist()]
    return np.array(texts, object).reshape(array.shape)


def _count(stream: Stream, name: str) -> int:
    """How many rows a part has: known where the data set says so, else counted, which reads it once.

    Raises:
        DataError: it has none, or no end.
    """
    part = _rows_of(stream, name, 0)
    if not _is_tf(part):
        n = sum(rows_in(part[i]) for i in range(len(part)))
    else:
        known = int(part.cardinality())
        if known == -1:
            raise DataError(f"the {name} part of a stream must end, got an endless one: leave its repeat() out")
        n = known if known >= 0 and not stream.batched else sum(rows_in(item) if stream.batched else 1 for item in part)
    if not n:
        raise DataError(f"the {name} part of a stream needs rows, got none: check what it reads")
    return n


def describe_stream(stream: Stream, identity: Any) -> Description:  # Any: JSON
    """What is known of a stream: its shapes by its first row, its length, and a name for what is in it.

    Args:
        stream: as the study gives it.
        identity: what says whether its rows are others, beside its shapes and its length.

    Raises:
        DataError: a part has no rows, or no end.
    """
    counts = {name: _count(stream, name) for name in stream.parts}
    first = next(Streams(stream, seed=0, batch_size=2).batches("train"))
    forms = [map_arrays(lambda array: [str(array.dtype), list(array.shape[1:])], part) for part in first]
    names = tuple(map(str, stream.label_names or range(stream.n_classes)))
    whole = json.dumps([identity, counts, forms, stream.task, names])
    sha256 = hashlib.sha256(whole.encode()).hexdigest()
    n_validation = counts.get("validation", 0)
    return Description(
        name=f"{stream.name}-{sha256[:12]}",
        title=stream.title or stream.name,
        task=stream.task,
        input_shape=shapes_of(first[0]),
        n_classes=len(names),
        label_names=names,
        n_train=counts["train"] + n_validation,
        n_test=counts.get("test", 0),
        units=stream.units,
        scale=1.0,
        source=stream.source,
        licence=stream.licence,
        sha256=sha256,
        n_validation=n_validation,
        is_stream=True,
    )


def _rows_of(stream: Stream, name: str, seed: int) -> Any:  # Any: as of `part`
    import keras
    import tensorflow as tf

    given = stream.parts[name](seed)
    if isinstance(given, tf.data.Dataset | keras.utils.PyDataset):
        return given
    if not isinstance(given, Iterable):
        raise DataError(
            f"the {name} part of a stream must give a tf.data.Dataset, a keras.utils.PyDataset or an iterable of rows, "
            f"got {short_repr(given)}"
        )
    # Asked anew for each epoch: a generator ends once.
    first = next(iter(given), None)
    if first is None:
        raise DataError(f"the {name} part of a stream needs rows, got none: check what it reads")
    spec = map_arrays(_spec_of(stream.batched), first if isinstance(first, tuple) else (first,))

    def again() -> Iterator[Any]:
        for row in stream.parts[name](seed):
            yield row if isinstance(row, tuple) else (row,)

    return tf.data.Dataset.from_generator(again, output_signature=spec)


def _spec_of(batched: bool) -> Any:  # Any: a function of an array that gives a `tf.TensorSpec`
    import tensorflow as tf

    def spec(value: Any) -> Any:
        array = np.asarray(value)
        kind = tf.string if array.dtype.kind in "OUS" else array.dtype
        return tf.TensorSpec((None, *array.shape[1:]) if batched else array.shape, kind)

    return spec


def _is_tf(part: Any) -> bool:
    import tensorflow as tf

    return isinstance(part, tf.data.Dataset)


def stream_of(file: StudyFile) -> Stream:
    """The stream that a study gives.

    Raises:
        DataError: it gives something else.
    """
    with file.modules.importable():
        given = file.study.data() if callable(file.study.data) else file.study.data
    if not isinstance(given, Stream):
        raise DataError(f"{file.path.name} gave a stream before its run, got {type(given).__name__} now")
    return given


def first_rows(path: str, name: str) -> Dataset:
    """A study's stream with the first rows of its training part in place of all, and no others; call it by `ask`.

    Args:
        path: of the study file.
        name: of the stream as a data set.
    """
    about = registry.describe(name)
    batches = Streams(stream_of(loader.load(Path(path))), 0, _PROFILED_ROWS).batches("train")
    x, *more = map_arrays(as_array, next(batches))
    y = more[0] if more else None
    return Dataset(about, x, y, take(x, slice(0)), None if y is None else take(y, slice(0)))


def sizes_of_parts(about: Description) -> dict[str, int]:
    """How many rows each part of a described stream has."""
    return {"train": about.n_train - about.n_validation, "validation": about.n_validation, "test": about.n_test}


def rows_of_stream(split: Split, about: Description) -> Rows:
    """The row numbers of a stream's parts, which say how many rows there are."""
    facts = facts_known(split, about)
    assert facts is not None, "a stream's rows are known by their numbers"
    return split_rows(split, facts)
