"""Real data, prepared once for each module of tests."""

import pytest

from tests.helpers.trainings import context_of


@pytest.fixture(scope="module")
def digits(keras_at_rest):
    return context_of("digits")


@pytest.fixture(scope="module")
def diabetes(keras_at_rest):
    return context_of("diabetes")


@pytest.fixture(scope="module")
def gates(keras_at_rest):
    return context_of("gates")
