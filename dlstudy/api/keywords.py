"""The keywords of `dlstudy.run`, `plan` and `check`: the options of the command line, by the same names."""

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from dlstudy.common.text import short_repr
from dlstudy.errors import UsageError
from dlstudy.runner.backend import Backend
from dlstudy.store.home import Home
from dlstudy.study.request import Request
from dlstudy.study.variant import Variant

__all__ = ["CheckKeywords", "PlanKeywords", "RunKeywords", "backend_of", "request_of", "require_known", "with_keywords"]

_RENAMED = {"phase": "phases", "arm": "arms", "dataset": "datasets", "tracking-uri": "tracking"}
"""Options of the command line whose keyword has another name: they may be given there several times."""
_OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*)")


class CheckKeywords(TypedDict, total=False):
    """The keywords of `dlstudy.check`, as `dlstudy.run` describes them."""

    quick: bool
    epochs: int | None
    datasets: str | Sequence[str]
    home: str | Path | None
    engine: str
    workers: int | None
    per_gpu: int
    ray_address: str | None


class PlanKeywords(CheckKeywords, total=False):
    """The keywords of `dlstudy.plan`."""

    trials: int | None
    seeds: int | None
    searches: int | None
    aa_test: int
    replication: int
    storage: str | None


class RunKeywords(PlanKeywords, total=False):
    """The keywords of `dlstudy.run`."""

    phases: str | Sequence[str]
    arms: str | Sequence[str]
    sampler: str
    pruner: str
    reported_variants: bool
    fresh: bool
    until_decided: bool
    at_most: int | None
    registered: str | Path | None
    tracking: str | None
    hours: float | None
    failures: int
    notify: str | None
    register: str | None


def require_known(call: str, given: Mapping[str, object], known: Sequence[str]) -> None:
    """Checks the names of keywords, and that flags are flags and counts are counts.

    Raises:
        UsageError: one is not known, or has a value of another kind.
    """
    for name, value in given.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
            hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(known)}"
            raise UsageError(f"dlstudy.{call} has no keyword {name!r}: {hint}")
        if name in _FLAGS and not isinstance(value, bool):
            raise UsageError(f"{name} must be True or False, got {short_repr(value)}")
        if name in _COUNTS and value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise UsageError(f"{name} must be a whole number, got {short_repr(value)}")
        if name == "hours" and not (value is None or (isinstance(value, int | float) and not isinstance(value, bool))):
            raise UsageError(f"hours must be a number, got {short_repr(value)}")
        if name in _TEXTS and not (value is None or isinstance(value, str | Path)):
            raise UsageError(f"{name} must be a text, got {short_repr(value)}")


_FLAGS = ("quick", "reported_variants", "fresh", "until_decided")
_COUNTS = (
    "epochs",
    "trials",
    "seeds",
    "searches",
    "aa_test",
    "replication",
    "workers",
    "per_gpu",
    "at_most",
    "failures",
)
_TEXTS = (
    "home",
    "engine",
    "ray_address",
    "storage",
    "sampler",
    "pruner",
    "registered",
    "tracking",
    "notify",
    "register",
)
_NAMES = ("datasets", "phases", "arms")
_OF_VARIANT = ("quick", "epochs", "sampler", "pruner", "aa_test", "replication")
_OF_REQUEST = ("trials", "seeds", "searches", "reported_variants", "fresh", "until_decided", "at_most")
_OF_BACKEND = (
    "engine",
    "workers",
    "per_gpu",
    "ray_address",
    "storage",
    "tracking",
    "hours",
    "failures",
    "notify",
    "register",
)


def request_of(given: Mapping[str, Any]) -> Request:  # Any: as the keywords say
    """The request that keywords make.

    Raises:
        UsageError: one breaks a rule.
    """
    made: dict[str, Any] = {name: _names(name, given[name]) for name in _NAMES if name in given}
    if given.get("registered") is not None:
        made["registered"] = Path(given["registered"])
    return Request(Variant(**_some(given, _OF_VARIANT)), **made, **_some(given, _OF_REQUEST))


def backend_of(given: Mapping[str, Any]) -> Backend:  # Any: as the keywords say
    """The stores and the machine part that keywords make.

    Raises:
        UsageError: one breaks a rule.
    """
    storage = os.environ.get("DLSTUDY_STORAGE") or None
    return Backend(Home.at(given.get("home")), **{"storage": storage, **_some(given, _OF_BACKEND)})


def with_keywords(message: str) -> str:
    """A message of the command line with its options as keywords; commands in backticks stay as they are."""
    parts = message.split("`")
    return "`".join(part if i % 2 else _OPTION.sub(_keyword, part) for i, part in enumerate(parts))


def _some(given: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:  # Any: as the keywords say
    return {name: given[name] for name in names if name in given}


def _names(what: str, given: object) -> tuple[str, ...]:
    """One name or several, as a tuple."""
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, list | tuple) or not all(isinstance(item, str) for item in names):
        raise UsageError(f"{what} must be a name or a list of names, got {short_repr(given)}")
    return tuple(names)


def _keyword(option: "re.Match[str]") -> str:
    return _RENAMED.get(option[1], option[1].replace("-", "_"))
