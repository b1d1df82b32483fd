"""What gives results their meaning, and what of it has changed."""

import ast
import hashlib
from collections.abc import Mapping
from typing import Any

from optuna.distributions import distribution_to_json

from dlstudy.catalog import StudyFile
from dlstudy.datasets import registry
from dlstudy.study import Arm, Study
from dlstudy.variant import Variant

__all__ = ["changes", "code_digests", "define"]


def define(file: StudyFile, study: Study, variant: Variant, arm: Arm, phase: str) -> dict[str, Any]:
    """What the results of one arm and phase rest on, as JSON.

    Trials, seeds, claims and texts are not in it: they may grow or be reworded.

    Args:
        file: the study file, for the code that `build` needs.
        study: as the variant runs it.
        variant: for the sampler and the pruner of a search.
        arm: the arm.
        phase: one of `PHASES`.
    """
    protocol = study.protocol
    split = protocol.printed_split if phase == "printed" and protocol.printed_split else protocol.split
    definition: dict[str, Any] = {
        "data": f"{study.dataset} {registry.describe(study.dataset).sha256[:16]}",
        "epochs": protocol.epochs,
        "batch_size": protocol.batch_size,
        "rows": protocol.rows,
        "split": repr(split),
        "setting": dict(arm.setting),
        "code": code_digests(file.source, getattr(study.build, "__name__", "STUDY")),
    }
    if phase == "printed":
        definition["printed"] = dict(arm.printed or {})
    if phase == "search":
        definition["space"] = {name: distribution_to_json(arm.space[name]) for name in sorted(arm.space)}
        definition["metric"] = f"{protocol.direction} {protocol.metric}"
        definition["search"] = f"{variant.sampler}, pruner {variant.pruner}"
    return definition


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:  # Any: JSON
    """What differs between two definitions, a phrase each; empty when nothing does."""
    found = []
    for key in sorted({*old, *new} - {"code"}):
        if old.get(key) != new.get(key):
            found.append(f"{key} is {new.get(key)!r} and was {old.get(key)!r}")
    before, after = old.get("code", {}), new.get("code", {})
    found += [
        f"the code of {name} changed" for name in sorted({*before, *after}) if before.get(name) != after.get(name)
    ]
    return found


def code_digests(source: str, start: str) -> dict[str, str]:
    """A digest of each top-level statement of a file that `start` needs, by the name that it binds.

    Comments, layout and docstrings do not count, nor does what `start` does not reach.
    """
    statements: dict[str, list[ast.stmt]] = {}
    for statement in ast.parse(source).body:
        for name in _bound(statement):
            statements.setdefault(name, []).append(statement)
    wanted, digests = [start if start in statements else "STUDY"], dict[str, str]()
    while wanted:
        name = wanted.pop()
        if name in digests:
            continue
        text = "\n".join(ast.unparse(_without_docstrings(statement)) for statement in statements[name])
        digests[name] = hashlib.sha256(text.encode()).hexdigest()[:12]
        used = {node.id for statement in statements[name] for node in ast.walk(statement) if isinstance(node, ast.Name)}
        wanted += sorted(used & set(statements))
    return digests


def _bound(statement: ast.stmt) -> set[str]:
    """The names that a top-level statement gives a meaning: those it binds; if none, those it may change in place."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    bound, used = set[str](), set[str]()
    for node in ast.walk(statement):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.Name):
            (bound if isinstance(node.ctx, ast.Store) else used).add(node.id)
    return bound or used


def _without_docstrings(statement: ast.stmt) -> ast.stmt:
    for node in ast.walk(statement):
        if (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return statement
