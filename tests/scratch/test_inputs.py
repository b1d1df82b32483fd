"""Labels of two classes, and rules for parameters."""

import numpy as np
import pytest

from dlstudy.errors import DataError, UsageError
from dlstudy.scratch.inputs import require, two_classes


def test_the_second_class_in_order_is_one():
    classes, targets = two_classes(np.array(["yes", "no", "yes"]))
    assert list(classes) == ["no", "yes"]
    np.testing.assert_array_equal(targets, [1.0, 0.0, 1.0])


@pytest.mark.parametrize("labels", [[1, 1], [0, 1, 2]])
def test_other_numbers_of_classes_are_errors_of_ours_and_of_scikit_learn(labels):
    with pytest.raises(DataError) as caught:
        two_classes(np.array(labels))
    assert isinstance(caught.value, ValueError)


def test_a_broken_rule_raises_its_message():
    require(True, "never seen")
    with pytest.raises(UsageError, match=r"^the rule$"):
        require(False, "the rule")
