"""What holds for the rows of every split of any data."""

import contextlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dlstudy.errors import StudyError
from dlstudy.study.row_facts import RowFacts
from dlstudy.study.split import Split
from dlstudy.study.splits import split_rows

SHARE = st.floats(0.02, 0.7)
FOLD = st.sampled_from([1 / 2, 1 / 3, 1 / 5])
ANY_PART = SHARE | st.integers(0, 30)
STATED = st.lists(st.integers(0, 60), min_size=1, max_size=20, unique=True) | st.just("stated")
KINDS = [
    {"validation": ANY_PART, "random_state": st.none() | st.integers(0, 9)},
    {"validation": ANY_PART, "test": SHARE, "stratify": st.booleans()},
    {"validation": ANY_PART, "test": SHARE, "resample": st.just("random"), "stratify": st.booleans()},
    {"validation": ANY_PART, "test": FOLD, "resample": st.just("folds"), "stratify": st.booleans()},
    {
        "validation": ANY_PART,
        "test": st.sampled_from([1 / 3, 1 / 5]),
        "resample": st.just("time"),
        "random_state": st.none(),
    },
    {"validation": SHARE, "test": SHARE | st.none(), "groups": st.just("a")},
    {"validation": SHARE, "test": SHARE, "groups": st.just("a"), "resample": st.just("groups")},
    {"validation": SHARE, "test": FOLD, "groups": st.just("a"), "resample": st.just("folds")},
    {"validation": STATED, "test": SHARE | st.none()},
    {"validation": ANY_PART, "last": SHARE | st.integers(1, 40), "random_state": st.none()},
]
SPLITS = st.one_of(*(st.builds(Split, **{"random_state": st.integers(0, 9), **kind}) for kind in KINDS))


@st.composite
def facts(draw):
    """Facts of 2 to 90 rows: up to 12 groups, up to 3 classes, some rows that validate."""
    n = draw(st.integers(2, 90))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    groups, labels = rng.integers(0, draw(st.integers(1, 12)), n), rng.integers(0, draw(st.integers(1, 3)), n)
    stated = rng.permutation(n)[: draw(st.integers(1, n - 1))].astype(np.int32)
    return RowFacts(n, draw(st.integers(1, 9)), np.unique(groups, return_inverse=True)[1], labels, (), stated)


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(SPLITS, facts(), st.integers(0, 12), st.none() | st.integers(2, 90))
def test_parts_are_apart_whole_and_the_same_in_any_order_of_calls(split, facts, number, cap):
    number %= int(min(split.most_splits, 13))
    try:
        rows = split_rows(split, facts, cap, number=number)
    except StudyError:  # too few rows, groups or rows of a class
        return
    parts = [rows.train, rows.validation, *([rows.test] if rows.test_inside else [])]
    joined = np.concatenate(parts)
    assert len(set(joined.tolist())) == len(joined)
    assert len(rows.train)
    assert len(rows.test)
    assert (len(rows.validation) > 0) == bool(split.validation)
    seen = len(rows.train) + len(rows.validation)
    if cap is not None:
        assert seen <= cap
    if split.resample != "time" and (cap is None or seen < cap):
        assert sorted(joined.tolist()) == list(range(facts.n_train))
    if split.groups:
        of_parts = [set(facts.groups[part].tolist()) for part in parts]
        assert len(set.union(*of_parts)) == sum(map(len, of_parts))
    np.random.seed(number)
    with contextlib.suppress(StudyError):
        split_rows(split, facts, cap, number=(number + 1) % int(min(split.most_splits, 13)))
    again = split_rows(split, facts, cap, number=number)
    for name in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(rows, name), getattr(again, name))
