"""The remedy for an error of a study's own code in a trial: what Keras's message, or Python's, leaves open."""

import re
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from dlstudy.common.hints import hint_of, meant
from dlstudy.common.text import message_of

__all__ = ["advice_on"]

_UNKNOWN = re.compile(r"Could not interpret (loss|metric|optimizer|activation function|initializer) identifier: (\S+)")
_PLACES = {
    "loss": "losses", "metric": "metrics", "optimizer": "optimizers", "activation function": "activations",
    "initializer": "initializers",
}  # fmt: skip
_OF_TRIAL = {"artifacts", "folder", "logs", "seed"}
"""What `p` has beside its parameters and the shape of the data, not to be listed."""
_SHAPE = re.compile(r"Expected shape \([^)]*\), but input has incompatible shape \(\d+, ([^)]*)\)")
_OLD_NAMES = {"lr": "learning_rate"}


def advice_on(error: BaseException, params: Mapping[str, Any]) -> str:  # Any: JSON scalars
    """What to do about an error; empty where that is not known.

    Args:
        error: raised in a trial, by code of the study's or by what that called.
        params: of the trial.
    """
    return _on_parameters(error) or hint_of(error) or _on_keras(message_of(error)) or _on_texts(error, params)


def _on_parameters(error: BaseException) -> str:
    """Of a parameter that is asked of `p`, and that it does not have."""
    if not isinstance(error, KeyError) or not error.args or not isinstance(error.args[0], str):
        return ""
    name, known = error.args[0], _parameters_at(error.__traceback__)
    if not known or name in known:
        return ""
    close = meant(name, known)
    own = ", ".join(sorted(set(known) - _OF_TRIAL))
    return f"p has {own}: {close or f'choose one of them, or add {name} to the setting or the space of the arm'}"


def _parameters_at(trace: TracebackType | None) -> Mapping[str, Any]:  # Any: as above
    """The `p` of the innermost function that has one."""
    found: Mapping[str, Any] = {}
    while trace is not None:
        here = trace.tb_frame.f_locals.get("p")
        found = here if isinstance(here, dict) and "input_shape" in here else found
        trace = trace.tb_next
    return found


def _on_keras(message: str) -> str:
    if found := _UNKNOWN.search(message):
        import keras

        kind, name = found.groups()
        if name == "<class":
            return f"give an object and not its class, as in keras.{_PLACES[kind]}.Name()"
        known = [each for each in dir(getattr(keras, _PLACES[kind])) if not each.startswith("_")]
        return meant(name, [*known, "accuracy"] if kind == "metric" else known)
    if found := _SHAPE.search(message):
        return f'a row has the shape ({found[1]}): write keras.Input(p["input_shape"])'
    if found := re.search(r"not recognized: \{'(\w+)'", message):
        new = _OLD_NAMES.get(found[1])
        return f"Keras 3 calls it {new}: write {new}=" if new else ""
    if re.match(r"Cannot convert '\{.*to a shape", message):
        return (
            'the data has columns of several kinds, and p["input_shape"] a shape for each: make numbers of them in a '
            "prepare function, as the study does that `dlstudy new NAME --data FILE --target COLUMN` writes"
        )
    if found := re.match(r"Cannot convert '(\d+)' to a shape", message):
        return f'write ({found[1]},) for a row of so many numbers, or p["input_shape"]'
    return ""


def _on_texts(error: BaseException, params: Mapping[str, Any]) -> str:  # Any: as above
    """Of a number that is in quotes."""
    texts = [name for name, value in params.items() if isinstance(value, str) and _is_number(value)]
    if not isinstance(error, TypeError | ValueError) or not texts:
        return ""
    return f"{texts[0]} is the text {params[texts[0]]!r}: write it without quotes if it is a number"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
