"""Numbers that a study logs: what they may be, and where they go."""

import math
import re
import threading

import numpy as np
import pytest

from dlstudy.errors import TrialError, UsageError
from dlstudy.toolkit.logging import log_metric, metrics_logged_into


def test_a_number_is_logged_under_the_name_of_its_metric_and_the_last_value_counts():
    logged = {}
    with metrics_logged_into(logged):
        log_metric("weight_norm2", 1)
        log_metric("weight_norm2", np.float32(0.5))
        log_metric("gap", math.nan)
    assert logged == {"train_weight_norm2": 0.5, "train_gap": pytest.approx(math.nan, nan_ok=True)}
    assert {type(value) for value in logged.values()} == {float}


def test_outside_of_a_training_it_is_refused_and_a_training_inside_of_another_has_its_own():
    with pytest.raises(UsageError, match=r"log_metric\('x', ...\) was called outside of a training: call it from a"):
        log_metric("x", 1.0)
    outer, inner = {}, {}
    with metrics_logged_into(outer):
        with metrics_logged_into(inner):
            log_metric("x", 1.0)
        with metrics_logged_into(None), pytest.raises(UsageError, match="outside of a training"):
            log_metric("x", 2.0)
        log_metric("y", 3.0)
    assert (outer, inner) == ({"train_y": 3.0}, {"train_x": 1.0})
    with pytest.raises(UsageError):
        log_metric("x", 1.0)


def test_a_name_is_as_of_a_keras_metric():
    logged = {}
    with metrics_logged_into(logged):
        for name in ("top@3", "F1", "a b", "η"):
            log_metric(name, 1.0)
    assert list(logged) == ["train_top@3", "train_F1", "train_a b", "train_η"]


@pytest.mark.parametrize("name", ["", " ", "a\n", "a\tb", "\x1b[31m", 5, None])
def test_a_name_is_one_line(name):
    with metrics_logged_into({}), pytest.raises(TrialError) as error:
        log_metric(name, 1.0)
    assert str(error.value) == f"log_metric needs a name in one line of 200 characters at most, got {name!r}"


@pytest.mark.parametrize("value", ["1.0", None, [1.0], np.zeros(2), 1j, b"1"], ids=str)
def test_a_value_is_a_number(value):
    with metrics_logged_into({}), pytest.raises(TrialError, match=re.escape("log_metric needs a number for x, got ")):
        log_metric("x", value)


def test_a_study_may_log_from_a_thread_of_its_own():
    logged = {}
    with metrics_logged_into(logged):
        thread = threading.Thread(target=log_metric, args=("x", 1.0))
        thread.start()
        thread.join()
    assert logged == {"train_x": 1.0}
