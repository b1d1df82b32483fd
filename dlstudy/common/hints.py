"""The remedy for an error that Python raises in somebody's code, where its own message names none."""

import difflib
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from types import FrameType, TracebackType
from typing import Any

__all__ = ["hint_of", "innermost", "meant"]

_KEYWORD = re.compile(r"(\w+)(?:\.__init__)?\(\) got an unexpected keyword argument '(\w+)'$")
_IMPORT = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")
_USUAL = {
    "keras": "import keras", "tf": "import tensorflow as tf", "np": "import numpy as np", "pd": "import pandas as pd",
}  # fmt: skip


def meant(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """`did you mean NAME?`, of the known name that is most like another, but for case; empty where none is."""
    by_case = {each.lower(): each for each in sorted(known)}
    close = difflib.get_close_matches(name.lower(), by_case, 1, cutoff)
    return f"did you mean {by_case[close[0]]}?" if close else ""


def hint_of(error: BaseException) -> str:
    """What to do about an error, as `did you mean Dropout?`; empty where nothing is known.

    It is for what beginners meet: misspelt names, modules that are not there, relative paths.
    """
    hints: Mapping[type, Callable[[Any], str]] = {
        ModuleNotFoundError: _of_module,
        ImportError: _of_import,
        AttributeError: _of_attribute,
        NameError: _of_name,
        FileNotFoundError: _of_file,
        TypeError: _of_keyword,
    }
    try:
        return next((hint(error) for kind, hint in hints.items() if isinstance(error, kind)), "")
    except Exception:  # of the code of an error or of an object that somebody made: a hint is no reason to fail
        return ""


def innermost(error: BaseException) -> FrameType | None:
    """Where an error was raised."""
    trace: TracebackType | None = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame if trace else None


def _of_module(error: ModuleNotFoundError) -> str:
    name = error.name or ""
    if re.match(r"(tensorflow\.)?keras\.|tensorflow_core|keras_core", name):
        return "Keras 3 has all layers in keras.layers: write `import keras`, and keras.layers.Dense"
    root = name.partition(".")[0]
    if name != root or not name:
        return ""
    return f"install what has {root} into the Python that runs dlstudy, or correct the name"


def _of_import(error: ImportError) -> str:
    found = _IMPORT.match(str(error))
    module = sys.modules.get(found[2]) if found else None
    return meant(found[1], {*dir(module), *getattr(module, "__all__", ())}) if found else ""


def _of_attribute(error: AttributeError) -> str:
    if isinstance(error.obj, dict) and error.name in error.obj:
        return f'it is a dict: write ["{error.name}"]'
    return meant(error.name or "", (name for name in dir(error.obj) if not name.startswith("_")))


def _of_name(error: NameError) -> str:
    name, frame = error.name or "", innermost(error)
    if name in _USUAL:
        return f"write `{_USUAL[name]}` in the function that needs it"
    return meant(name, {**frame.f_globals, **frame.f_locals}) if frame else ""


def _of_file(error: FileNotFoundError) -> str:
    name = error.filename
    if not isinstance(name, str) or not name or name.startswith(("/", "~")):
        return ""
    return f"to find it beside the study file, write Path(__file__).parent / {name!r}"


def _of_keyword(error: TypeError) -> str:
    found, frame = _KEYWORD.search(str(error)), innermost(error)
    known = {**frame.f_globals, **frame.f_locals}.get(found[1]) if found and frame else None
    if not found or not callable(known):
        return ""
    try:
        names = list(inspect.signature(known).parameters)
    except (TypeError, ValueError):  # of a callable that does not say
        return ""
    return meant(found[2], names) or f"it takes {', '.join(names)}"
