"""Optuna's samplers and pruners by name, with options, as `PatientPruner(MedianPruner(), patience=2)`."""

import ast
import difflib
import importlib.util
import inspect
import re
import warnings
from typing import Any

from dlstudy.common.text import one_line, short_repr
from dlstudy.errors import UsageError

__all__ = ["canonical_part", "made_part"]

_NAME = re.compile(r"[A-Z]\w*(Sampler|Pruner)\b")
_NEEDS = {"GPSampler": "torch", "CmaEsSampler": "cmaes"}
"""Packages that Optuna imports when such a sampler first proposes."""
_UNFIT = re.compile(r"[^\w(),.=' -]")
"""What the name of a variant cannot hold: it is part of paths and of the record."""


def canonical_part(kind: str, text: str) -> str | None:
    """A sampler or a pruner in the form that names it, `GPSampler`; None where the text is not of that form.

    Args:
        kind: `samplers` or `pruners`.
        text: the name of a class of Optuna's, alone or called with options.

    Raises:
        UsageError: there is no such class, or it does not take these options.
    """
    if not _NAME.match(text.strip()):
        return None
    made_part(kind, text, seed=0)
    written = ast.unparse(_parsed(text)).removesuffix("()").replace(", ", ",")
    if _UNFIT.search(written):
        raise UsageError(f"options of {kind} must be plain numbers and names, got {short_repr(text)}: change them")
    return written


def made_part(kind: str, text: str, seed: int) -> Any:  # Any: a sampler or a pruner of Optuna's
    """The sampler or pruner that a text names; one that draws at random gets the seed.

    Raises:
        UsageError: as `canonical_part`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it may change
            return _made(kind, _parsed(text), seed)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{short_repr(text)} is not possible: {one_line(str(error))}") from error


def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError) as error:
        raise UsageError(
            f"a sampler or pruner is a name with options, as CmaEsSampler(sigma0=0.2), got {short_repr(text)}"
        ) from error


def _made(kind: str, node: ast.expr, seed: int) -> Any:
    call = node if isinstance(node, ast.Call) else ast.Call(node, [], [])
    if not isinstance(call.func, ast.Name):
        return ast.literal_eval(node)
    found = _class(kind, call.func.id)
    options = {str(keyword.arg): _option(kind, keyword.value, seed) for keyword in call.keywords}
    if "seed" in options:
        raise UsageError(f"{call.func.id} gets its seed from the study, got one: leave seed out")
    if "seed" in inspect.signature(found).parameters:
        options["seed"] = seed
    return found(*[_option(kind, value, seed) for value in call.args], **options)


def _option(kind: str, node: ast.expr, seed: int) -> Any:  # Any: a number, a text, or a part of its own
    is_part = isinstance(node, ast.Call | ast.Name)
    return _made(kind, node, seed) if is_part else ast.literal_eval(node)


def _class(kind: str, name: str) -> Any:  # Any: a class of Optuna's
    import optuna

    module = getattr(optuna, kind)
    known = [each for each in module.__all__ if each.endswith(kind.removesuffix("s").title())]
    found = getattr(module, name, None) if name in known else None
    if found is None or inspect.isabstract(found):
        close = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {close[0]}?" if close else f"choose from {', '.join(known)}"
        raise UsageError(f"Optuna has no {kind.removesuffix('s')} {name!r}: {hint}")
    package = _NEEDS.get(name, "optuna")
    if importlib.util.find_spec(package) is None:
        raise UsageError(f"{name} needs the package {package}, which is not installed: pip install {package}")
    return found
