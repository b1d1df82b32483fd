"""Hints on errors of somebody's code: what was probably meant, and never an error of their own."""

import pytest

from dlstudy.common.hints import hint_of, meant

KERAS_3 = "Keras 3 has all layers in keras.layers: write `import keras`, and keras.layers.Dense"
NOT_THERE = "install what has no_such_module into the Python that runs dlstudy, or correct the name"


def error_of(code):
    try:
        exec(code, {"Dropout": object, "math": __import__("math")})
    except Exception as error:
        return error
    raise AssertionError("it runs")


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("math.sqroot(2)", "did you mean sqrt?"),
        ("from math import sqroot", "did you mean sqrt?"),
        ("Dropuot", "did you mean Dropout?"),
        ("{'rate': 1}.rate", 'it is a dict: write ["rate"]'),
        ("keras.layers", "write `import keras` in the function that needs it"),
        ("import keras.layers.core", KERAS_3),
        ("import no_such_module", NOT_THERE),
        ("open('rows.csv')", "to find it beside the study file, write Path(__file__).parent / 'rows.csv'"),
        ("def build(p, units): pass\nbuild(1, unit=3)", "did you mean units?"),
        ("1 / 0", ""),
    ],
)  # fmt: skip
def test_an_error_has_the_remedy_that_a_beginner_needs(code, hint, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    error = error_of(code) if "keras.layers.core" not in code else ModuleNotFoundError(name="keras.layers.core")
    assert hint_of(error) == hint


def test_an_error_or_an_object_that_fails_when_asked_has_no_hint():
    class UnreadableError(TypeError):
        def __str__(self):
            raise ValueError("worse")

    class Closed:
        def __dir__(self):
            raise ValueError("worse")

    assert hint_of(UnreadableError()) == ""
    assert hint_of(AttributeError(name="x", obj=Closed())) == ""


def test_what_is_meant_is_like_the_name_but_for_case():
    assert meant("VAL_accuracy", ["val_accuracy", "val_loss"]) == "did you mean val_accuracy?"
    assert meant("zzz", ["val_accuracy"]) == ""
