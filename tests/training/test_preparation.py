"""The data as a study prepares it: what it may return, what is shared, and what a model then sees."""

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from dlstudy.errors import TrialError
from dlstudy.study.row_facts import RowFacts
from dlstudy.study.splits import split_rows
from dlstudy.training.arrays import Arrays
from dlstudy.training.preparation import key_of, prepare_arrays
from dlstudy.training.study_functions import StudyFunctions
from dlstudy.training.train import DatasetContext, parameters_for_build, prepared
from tests.helpers.trainings import net, run, spec_of


def arrays_of(context, prepare, spec=None):
    """What `prepare_arrays` makes of a context's data."""
    functions, spec = StudyFunctions(net, prepare), spec or spec_of()
    rows = split_rows(spec.split, RowFacts(len(context.arrays.y), len(context.arrays.y_test)), spec.rows)
    p = parameters_for_build(spec, context.description, len(rows.train))
    return prepare_arrays(functions, context.arrays, context.description, rows.train, p)


def test_prepare_gets_all_rows_the_training_part_first_and_the_numbers_of_those_that_train(digits):
    seen = {}

    def prepare(x, y, train, p):
        seen.update(x=x, y=y, train=train, p=p)
        return x, y

    arrays, description = arrays_of(digits, prepare)
    assert seen["x"].shape == (1_797, 8, 8)
    np.testing.assert_array_equal(seen["x"][1_437:], digits.arrays.x_test)
    np.testing.assert_array_equal(seen["y"][:1_437], digits.arrays.y)
    assert seen["train"].tolist() == list(range(100, 400))  # the first 100 of 400 validate
    assert (seen["p"]["learning_rate"], seen["p"]["input_shape"], seen["p"]["seed"]) == (0.05, (8, 8), 11)
    assert description == digits.description
    for name in ("x", "y", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(arrays, name), getattr(digits.arrays, name))


def test_types_are_kept_and_a_training_sees_what_fit_would(digits, diabetes, gates):
    def thirds(x, y, train, p):
        return x / 3, y

    table, image = arrays_of(diabetes, thirds, spec_of("diabetes"))[0], arrays_of(digits, thirds)[0]
    assert (table.x.dtype, table.y.dtype, image.x.dtype, image.y.dtype) == ("f8", "f8", "f4", "i4")
    np.testing.assert_array_equal(table.x, diabetes.arrays.x / 3)
    assert [part.dtype.name for part in table.on_device(False, "float32")] == ["float32"] * 2
    assert [part.dtype.name for part in table.on_device(True, "float64")] == ["float64"] * 2
    whole = arrays_of(gates, lambda x, y, train, p: (x.astype(int), y.astype(float)), spec_of("gates", rows=None))[0]
    assert (whole.x.dtype, whole.y.dtype) == ("i8", "f8")
    assert [part.dtype.name for part in whole.on_device(False, "float32")] == ["int64", "float32"]


def test_an_exact_method_on_scaled_columns_is_exact(diabetes):
    def prepare(x, y, train, p):
        return (x - x[train].mean(axis=0)) / x[train].std(axis=0), y

    spec = spec_of("diabetes")
    raw = run(diabetes, spec, build=lambda p: LinearRegression())
    scaled = run(diabetes, spec, build=lambda p: LinearRegression(), prepare=prepare)
    assert scaled.state == "finished", scaled.traceback
    for name in ("train_mse", "val_mse", "test_mse"):
        assert scaled.metrics[name] == pytest.approx(raw.metrics[name], rel=1e-10)  # float32 would give 1e-6


def test_a_new_shape_reaches_build(digits):
    shapes = []

    def build(p):
        shapes.append(p["input_shape"])
        return net(p)

    result = run(digits, spec_of(epochs=1), build=build, prepare=lambda x, y, train, p: (x.reshape(len(x), 64), y))
    assert result.state == "finished", result.traceback
    assert result.trained_by == "epoch graph"
    assert shapes == [(64,)]
    assert result.metrics == run(digits, spec_of(epochs=1)).metrics  # the net flattens it anyway


def test_a_study_may_make_labels_of_its_own(gates):
    def xor(x, y, train, p):
        return x, x[:, 0] != x[:, 1]

    arrays = arrays_of(gates, xor, spec_of("gates", rows=None))[0]
    assert arrays.y_test.tolist() == [0, 1, 1, 0]
    assert gates.arrays.y_test.tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda x, y, train, p: None, "prepare must return x and y, or x, y and weights of the rows, got None"),
        (lambda x, y, train, p: (x, y, train), r"of 1797 rows, got weights of shape \(300,\)"),
        (
            lambda x, y, train, p: (x[train], y[train]),
            r"prepare must return x and y of 1797 rows, got x of shape \(300, 8, 8\)",
        ),
        (lambda x, y, train, p: (x, y[train]), r"of 1797 rows, got y of shape \(300,\)"),
        (lambda x, y, train, p: (x, y, x), r"prepare must return one weight for each row"),
        (lambda x, y, train, p: (x, y.astype(str)), "prepare must return numbers, got y of texts or dates"),
        (lambda x, y, train, p: (x, {}), "prepare must return x and y, got no array for y"),
        (lambda x, y, train, p: (x * np.nan, y), "prepare returned numbers that are not finite: fix it, or the data"),
        (lambda x, y, train, p: (x, y + np.inf), "prepare returned numbers that are not finite"),
    ],
)
def test_what_is_no_data_is_refused_with_its_reason(digits, prepare, reason):
    with pytest.raises(TrialError, match=reason):
        arrays_of(digits, prepare)
    result = run(digits, spec_of(epochs=1), prepare=prepare)
    assert result.state == "failed"
    assert result.traceback == ""  # the reason says it all


def test_a_prepare_that_raises_fails_its_trial(digits):
    result = run(digits, spec_of(epochs=1), prepare=lambda x, y, train, p: p["degree"])
    assert result.state == "failed"
    assert result.reason.startswith("KeyError: 'degree': p has batch_size, epochs, ")
    assert result.reason.endswith(": choose one of them, or add degree to the setting or the space of the arm")


def shifted(x, y, train, p):
    return x + p.get("shift", 0), y


def test_equal_data_share_one_context_with_its_kept_graphs(digits):
    context = DatasetContext(digits.description, digits.arrays)
    first = run(context, spec_of(epochs=1), prepare=shifted)
    (shared,) = context.prepared.values()
    assert shared.cache is context.cache
    assert len(shared.cache) == 1
    (kept,) = shared.cache._kept.values()
    again = run(context, spec_of(epochs=1, params={"shift": 0}), prepare=shifted)
    assert list(context.prepared.values()) == [shared]
    assert list(shared.cache._kept.values()) == [kept]
    assert again.metrics == first.metrics
    other = run(context, spec_of(epochs=1, params={"shift": 1}), prepare=shifted)
    assert len(context.prepared) == 2
    assert other.metrics != first.metrics


def test_the_last_used_contexts_are_kept(digits):
    context = DatasetContext(digits.description, digits.arrays)

    def prepare(shift):
        spec = spec_of(params={"shift": shift})
        return prepared(
            spec, StudyFunctions(net, shifted), context, split_rows(spec.split, RowFacts(1_437, 360), spec.rows)
        )

    first, second = prepare(1), prepare(2)
    assert prepare(1) is first
    for shift in (3, 4, 5):
        prepare(shift)
    assert len(context.prepared) == 4
    assert prepare(1) is first
    assert prepare(2) is not second


def test_without_prepare_a_context_stays_as_it_is(digits):
    assert prepared(spec_of(), StudyFunctions(net), digits, split_rows(spec_of().split, RowFacts(1_437, 360))) is digits


def test_what_does_not_fit_on_the_device_stays_off_it_when_it_is_prepared(digits):
    context = DatasetContext(digits.description, dataclasses.replace(digits.arrays, fits=False))
    result = run(context, spec_of(epochs=1), prepare=shifted)
    assert (result.trained_by, result.remarks) == ("fit", ("the data does not fit on the device",))


def test_a_key_names_the_content_of_arrays():
    x, y = np.arange(6.0).reshape(3, 2), np.array([0, 1, 0], np.int32)
    base = Arrays(x, y, x[:1], y[:1])
    assert key_of(base) == key_of(Arrays(x.copy(order="F"), y.copy(), x[:1].copy(), y[:1]))
    others = [
        Arrays(x.reshape(2, 3), y, x[:1], y[:1]),
        Arrays(x.astype(np.float32), y, x[:1], y[:1]),
        Arrays(x, y[::-1] + 1, x[:1], y[:1]),
        Arrays(x, y, x[1:2], y[:1]),
        Arrays(x, y, x[:1], y[1:2]),
    ]
    assert len({key_of(arrays) for arrays in (base, *others)}) == 6
