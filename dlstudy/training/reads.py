"""Which parameters a study's functions read: one that is tuned and never read is a mistake that no error shows."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dlstudy.training.study_functions import StudyFunctions

__all__ = ["noting_reads", "unread_warnings"]

_P_AT = {"build": 0, "prepare": 3, "callbacks": 0, "class_weight": 1}
"""The functions that one step of a training calls, and the place of `p` among their arguments."""
_LATER = ("continue_training", "extra_metrics", "figures")
_BY_DLSTUDY = {"batch_size", "epochs", "more_epochs"}


class _Noted(dict[str, Any]):
    """Parameters that note in a set which of them are read; whoever takes all at once reads each."""

    def __init__(self, p: dict[str, Any], read: set[str]) -> None:
        super().__init__(p)
        self._read = read

    def __getitem__(self, name: str) -> Any:
        self._read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self._read.add(name)
        return super().get(name, default)

    def pop(self, name: str, *default: Any) -> Any:
        self._read.add(name)
        return super().pop(name, *default)

    def __contains__(self, name: object) -> bool:
        self._read.add(str(name))
        return super().__contains__(name)

    def _all(self) -> "_Noted":
        self._read.update(super().keys())
        return self

    def __iter__(self) -> Iterator[str]:
        return dict.__iter__(self._all())

    def keys(self) -> Any:
        return dict.keys(self._all())

    def values(self) -> Any:
        return dict.values(self._all())

    def items(self) -> Any:
        return dict.items(self._all())

    def copy(self) -> Any:
        return dict(dict.items(self._all()))

    def __or__(self, other: Any) -> Any:
        return self.copy() | other

    def __ror__(self, other: Any) -> Any:
        return other | self.copy()


_Noted.__name__ = "dict"  # what it is to whoever reads a message about it


def noting_reads(functions: StudyFunctions) -> tuple[StudyFunctions, set[str]]:
    """The same functions, and a set to which the names go that they read of `p`."""
    read: set[str] = set()
    given = {name: getattr(functions, name) for name in _P_AT}
    noting: Any = {name: _noting(given[name], place, read) for name, place in _P_AT.items() if given[name] is not None}
    return dataclasses.replace(functions, **noting), read


def _noting(function: Callable[..., Any], place: int, read: set[str]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*given: Any) -> Any:
        return function(*given[:place], _Noted(given[place], read), *given[place + 1 :])

    return call


def unread_warnings(functions: StudyFunctions, params: Mapping[str, Any], read: set[str]) -> list[str]:
    """Says which parameters of a trial nothing has read; nothing where functions that are called later may do so."""
    if any(getattr(functions, name) is not None for name in _LATER):
        return []
    names = sorted(set(params) - read - _BY_DLSTUDY)
    return [f'nothing reads p["{name}"]: use it in build, or leave {name} out of the arm' for name in names]
