"""A user's own rows in their plain form: what is read from them, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from dlstudy.datasets.data import Data
from dlstudy.datasets.own_rows import plain_rows
from dlstudy.errors import DataError

N = 12
X = np.arange(2.0 * N).reshape(N, 2)
Y = np.arange(N) % 2
NAMED = np.array(["no", "yes"] * (N // 2))


def table(**columns):
    return pd.DataFrame({"age": np.arange(N) + 20.0, "plan": ["a", "b"] * (N // 2), **columns})


def with_value(array, row, value):
    changed = np.array(array, dtype=object if isinstance(value, str) else None)
    changed[row] = value
    return changed


TASKS = {
    "two texts": (NAMED, "binary", ("no", "yes")),
    "truth values": (Y == 1, "binary", ("False", "True")),
    "minus one and one": (2 * Y - 1, "binary", ("-1", "1")),
    "three numbers": (np.arange(N) % 3 + 1, "multiclass", ("1", "2", "3")),
    "categories": (pd.Series(NAMED).astype("category"), "binary", ("no", "yes")),
    "a column of labels": (Y.reshape(N, 1), "binary", ("0", "1")),
    "floats": (X[:, 0], "regression", ()),
    "many whole numbers": (np.arange(N) * 1_000, "regression", ()),
    "two columns of floats": (X + 1, "regression", ()),
    "a column for each class": (np.eye(3, dtype=int)[np.arange(N) % 3], "multiclass", ("0", "1", "2")),
    "several labels a row": (np.array([[1, 1, 0], [0, 0, 0]] * (N // 2)), "multilabel", ("0", "1", "2")),
    "tokens": (np.arange(4 * N).reshape(N, 4), "sequence", ()),
    "images": (np.zeros((N, 4, 4)), "other", ()),
    "two outputs": ({"a": X[:, 0], "b": Y}, "other", ()),
    "none": (None, "other", ()),
}


@pytest.mark.parametrize("name", TASKS)
def test_the_task_is_read_from_the_targets(name):
    y, task, names = TASKS[name]
    rows = plain_rows(Data(X, y))
    assert (rows.task, rows.label_names) == (task, names)


def test_columns_name_their_targets():
    named = pd.DataFrame({"sport": [1, 1, 0] * 4, "arts": [0, 1, 0] * 4, "kg": X[:, 0], "m": X[:, 1]})
    several = plain_rows(Data(table(kg=X[:, 0], m=X[:, 1]), ["kg", "m"]))
    assert (several.target_name, several.target_names) == ("", ("kg", "m"))
    labels = plain_rows(Data(X, named[["sport", "arts"]]))
    assert (labels.task, labels.label_names, labels.target_names) == ("multilabel", ("sport", "arts"), ())
    assert plain_rows(Data(X, named[["kg"]])).target_name == "kg"
    assert plain_rows(Data(table(kg=X[:, 0]), "kg")).target_name == "kg"


def test_an_autoencoder_has_its_inputs_as_targets():
    rows = plain_rows(Data(X, X))
    assert rows.is_x
    assert (rows.task, rows.y is rows.x) == ("other", True)


def test_labels_become_numbers_in_the_order_of_their_names():
    rows = plain_rows(Data(X, with_value(NAMED, 0, "maybe").tolist()[:1] * 2 + NAMED[2:].tolist()))
    assert rows.label_names == ("maybe", "no", "yes")
    assert rows.y.dtype == np.int32
    assert rows.y.tolist() == [0, 0] + [1, 2] * 5


def test_a_stated_order_of_labels_holds():
    rows = plain_rows(Data(X, NAMED, label_names=["yes", "no"]))
    assert rows.y.tolist() == [1, 0] * 6


def test_a_stated_task_wins():
    assert plain_rows(Data(X, np.arange(N) % 3, task="regression")).y.dtype == np.float64


def test_columns_of_a_table_become_what_they_are_named_for():
    x = table(churn=NAMED, who=list("aabbccddeeff"), w=np.ones(N), when=pd.date_range("2024-01-01", periods=N))
    rows = plain_rows(Data(x, "churn", groups="who", weight="w", times="when"))
    assert list(rows.x.columns) == ["age", "plan"]
    assert (rows.target_name, rows.group_name, rows.has_times) == ("churn", "who", True)
    assert rows.groups.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert rows.weight.tolist() == [1.0] * N


def test_types_of_columns_are_kept():
    x = table(
        kind=pd.Categorical(["low", "high"] * 6, ["low", "high"], ordered=True),
        when=pd.date_range("2024-01-01", periods=N),
        n=pd.array([1, None] * 6, "Int64"),
        small=np.arange(N, dtype=np.int8),
    )
    rows = plain_rows(Data(x, Y))
    assert rows.x.dtypes.to_dict() == x.dtypes.to_dict()


def test_lists_of_texts_and_of_differing_lengths_are_arrays_of_objects():
    texts = plain_rows(Data(["a b", "c"] * 6, Y)).x
    assert (texts.dtype, texts.shape, texts[0]) == (object, (N,), "a b")
    ragged = plain_rows(Data([[1, 2], [3]] * 6, Y)).x
    assert (ragged.dtype, ragged[0].tolist(), ragged[1].tolist()) == (object, [1, 2], [3])


def test_several_inputs_keep_their_structure():
    rows = plain_rows(Data({"left": X, "right": [X, NAMED]}, Y))
    assert list(rows.x) == ["left", "right"]
    assert rows.x["right"][1].dtype == object


TRAIN_TEST = ["train"] * 8 + ["test"] * 4
BAD = {
    "nothing": (lambda: Data([], []), "data needs rows, got none"),
    "an empty table": (lambda: Data(table().head(0), []), "data needs rows, got none"),
    "a dict of nothing": (lambda: Data({}, Y), "x must hold at least one array"),
    "a number": (lambda: Data(3, Y), "x must have a row for each example"),
    "fewer targets": (lambda: Data(X, Y[:-1]), "got 12 of x, 11 of y"),
    "two inputs of other lengths": (lambda: Data({"a": X, "b": X[:3]}, Y), "got 12 of x, 3 of x"),
    "fewer weights": (lambda: Data(X, Y, weight=[1.0]), "got 12 of x, 1 of weight"),
    "fewer groups": (lambda: Data(X, Y, groups=[1, 2]), "got 12 of x, 2 of groups"),
    "an unknown task": (lambda: Data(X, Y, task="clustering"), "Data.task must be one of binary, multiclass"),
    "a name that is no text": (lambda: Data(X, Y, name=3), "Data.name must be 1 to 40 letters, digits"),
    "a name with a slash": (lambda: Data(X, Y, name="a/b"), "Data.name must be"),
    "an unknown target": (lambda: Data(table(churn=NAMED), "chrun"), "got 'chrun': did you mean 'churn'?"),
    "a target of an array": (lambda: Data(X, "churn"), "Data.y names a column, but x is no table"),
    "unknown groups": (lambda: Data(table(), Y, groups="who"), "Data.groups must name a column of the table"),
    "a missing target": (
        lambda: Data(X, with_value(X[:, 0], 3, np.nan)), "got none in 1 of 12 rows, the first is row 3",
    ),
    "a missing label": (lambda: Data(X, [None, *NAMED[1:]]), "got none in 1 of 12 rows, the first is row 0"),
    "a missing target of a table": (lambda: Data(table(y=[None, *NAMED[1:]]), "y"), "the first is row 0"),
    "an infinite target": (lambda: Data(X, with_value(X[:, 0], 3, np.inf)), "targets must be finite numbers"),
    "one class": (lambda: Data(X, ["yes"] * N), "at least two labels in y, got only 'yes'"),
    "a class with one row": (lambda: Data(X, with_value(NAMED, 4, "maybe")), "got 1 of class 'maybe'"),
    "a class of a stated task with one row": (
        lambda: Data(X, with_value(Y, 4, 7), task="multiclass"), "got 1 of class '7'",
    ),
    "three labels of a binary task": (lambda: Data(X, np.arange(N) % 3, task="binary"), "needs two labels in y, got 3"),
    "texts in a regression": (lambda: Data(X, NAMED, task="regression"), "must be numbers, got 'no'"),
    "halves as labels": (lambda: Data(X, X[:, 0] / 4, task="multiclass"), "labels must be whole numbers or texts"),
    "too few names": (lambda: Data(X, Y, label_names=["no"]), "must name each of 2 labels in y, got 1 names"),
    "a label without a name": (lambda: Data(X, NAMED, label_names=["no", "maybe"]), "Data.label_names, got 'yes'"),
    "labels other than 0 and 1": (lambda: Data(X, X + 1, task="multilabel"), "must be 0 or 1 in a column"),
    "too few names of columns": (
        lambda: Data(X, np.array([[1, 1], [0, 1]] * 6), task="multilabel", label_names=["a"]), "must name 2 labels",
    ),
    "a table of targets with text": (lambda: Data(X, table()), "several targets must be numbers"),
    "texts and numbers in a column": (lambda: Data(table(v=["1", 2] * 6), Y), "got int and str in 'v'"),
    "texts and numbers in a list": (lambda: Data(["a", 1] * 6, Y), "one"),
    "objects": (lambda: Data([object()] * N, Y), "x must be of one type, got object"),
    "complex numbers": (lambda: Data(X * 1j, Y), "x must hold numbers, texts or dates, got complex128"),
    "bytes that are no text": (lambda: Data(np.array([b"\xff"] * N), Y), "x holds bytes that are no UTF-8 text"),
    "several texts in a row": (lambda: Data(np.array([["a", "b"]] * N), Y), "must be a table or a dict of arrays"),
    "lists of lists of differing lengths": (
        lambda: Data([[[1], [2, 3]], [[1]]] * 6, Y), "must be lists of numbers",
    ),
    "columns of one name": (lambda: Data(pd.DataFrame(X, columns=["a", "a"]), Y), "columns must differ in name"),
    "negative weights": (lambda: Data(X, Y, weight=-np.ones(N)), "weights must be finite numbers from 0"),
    "missing weights": (lambda: Data(X, Y, weight=np.full(N, np.nan)), "a value for each row, got none in 12 rows"),
    "weights of zero": (lambda: Data(X, Y, weight=np.zeros(N)), "not all 0"),
    "weights in two columns": (lambda: Data(X, Y, weight=X), "one value for each row, got shape (12, 2)"),
    "one group": (lambda: Data(X, Y, groups=["a"] * N), "groups must be at least two"),
    "a row without a group": (lambda: Data(X, Y, groups=[None, *NAMED[1:]]), "got none in 1 rows"),
    "times out of order": (
        lambda: Data(X, Y, times=[*range(N - 1), 3]), "got 3 in row 11 after 10: sort the rows by time",
    ),
    "dates out of order": (
        lambda: Data(X, Y, times=pd.to_datetime(["2024-01-02", "2024-01-01"] * 6)), "sort the rows by time",
    ),
    "times as texts": (lambda: Data(X, Y, times=["2024-01-01"] * N), "times must be numbers or dates"),
    "an unknown part": (lambda: Data(X, Y, split=["train"] * 11 + ["tset"]), "test for each row, got 'tset'"),
    "no test rows": (lambda: Data(X, Y, split=["train"] * N), "got none for test"),
    "no training rows": (lambda: Data(X, Y, split=["test"] * N), "got none for train"),
    "a row without a part": (lambda: Data(X, Y, split=[None] + ["test"] * 11), "got none in 1 rows"),
    "a group in two parts": (
        lambda: Data(X, Y, split=TRAIN_TEST, groups=list("aabbccddddee")), "no group may be in two parts, got 1 such",
    ),
    "a group in training and validation": (
        lambda: Data(X, Y, split=["train", "validation"] * 4 + ["test"] * 4, groups=list("aabbccddeeff")),
        "no group may be in two parts, got 4 such",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_learned_from_is_refused_in_one_line(name):
    make, message = BAD[name]
    with pytest.raises(DataError) as caught:
        plain_rows(make())
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_sparse_matrix_is_refused():
    from scipy.sparse import csr_matrix

    with pytest.raises(DataError, match="x must be dense, got a sparse matrix"):
        plain_rows(Data(csr_matrix(X), Y))
