"""What gives results their meaning, and what of it has changed."""

import ast
import hashlib
import symtable
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from optuna.distributions import distribution_to_json

from dlstudy.datasets import registry
from dlstudy.study.loader import StudyFile
from dlstudy.study.protocol import Split
from dlstudy.study.study import PHASES, Arm, Study
from dlstudy.study.variant import Variant

__all__ = ["REPEATED", "Part", "changes", "code_digests", "code_of", "define", "define_all", "has_phase", "split_of"]

_Node = TypeVar("_Node", bound=ast.AST)
_DOCUMENTED = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module


REPEATED = ("search", "replicate", "defaults")
"""Phases that every further search of an arm has too: what a verdict on methods rests on."""

Part = tuple[str, str, int]
"""A phase, an arm, and which of the arm's searches, counted from 1."""


def define(
    study: Study, variant: Variant, arm: Arm, phase: str, code: Mapping[str, str]
) -> dict[str, Any]:  # Any: JSON
    """What the results of one arm and phase rest on, as JSON.

    Trials, seeds, claims and texts are not in it: they may grow or be reworded.

    Args:
        study: as the variant runs it.
        variant: for the sampler and the pruner of a search.
        arm: the arm.
        phase: one of `PHASES`.
        code: of the study's functions, as `code_of` gives it.
    """
    protocol = study.protocol
    split = split_of(study, arm, phase)
    definition: dict[str, Any] = {
        "data": f"{study.dataset} {registry.describe(study.dataset).sha256[:16]}",
        "epochs": protocol.epochs,
        "batch_size": protocol.batch_size,
        "rows": protocol.rows,
        "split": repr(split),
        "setting": dict(arm.setting),
        "code": dict(code),
    }
    if phase in ("printed", "defaults"):
        definition[phase] = dict(getattr(arm, phase) or {})
    if phase == "search":
        definition["space"] = {name: distribution_to_json(arm.space[name]) for name in sorted(arm.space)}
        definition["metric"] = f"{protocol.direction} {protocol.metric}"
        definition["search"] = f"{variant.sampler}, pruner {variant.pruner}"
    return definition


def define_all(
    file: StudyFile, study: Study, variant: Variant, name: str, arms: Sequence[str]
) -> dict[Part, tuple[str, dict[str, Any]]]:  # Any: JSON
    """The name in the record and the definition of every phase of these arms, by phase, arm and search.

    Args:
        file: the study's.
        study, variant: as for `define`.
        name: of the variant in the record, generation included.
        arms: their names.
    """
    code = code_of(file, study)
    defined = {}
    for phase in PHASES:
        for arm in (arm for arm in map(study.arm, arms) if has_phase(study, arm, phase)):
            definition = define(study, variant, arm, phase, code)
            for search in range(1, 1 + (study.protocol.searches if phase in REPEATED else 1)):
                last = phase if search == 1 else f"{phase}.{search}"
                defined[phase, arm.name, search] = (f"{file.name}/{name}/{arm.name}/{last}", definition)
    return defined


def split_of(study: Study, arm: Arm, phase: str) -> Split:
    """The rows of an arm in a phase."""
    own = arm.printed_split or study.protocol.printed_split
    return own if phase == "printed" and own else study.protocol.split


def has_phase(study: Study, arm: Arm, phase: str) -> bool:
    """Whether an arm has anything to train in a phase."""
    if phase in ("printed", "defaults"):
        return getattr(arm, phase) is not None
    return phase != "sweep" or any(study.sweep_settings(sweep, arm) for sweep in study.sweeps)


def code_of(file: StudyFile, study: Study) -> dict[str, str]:
    """A digest of each part of a study file that its functions need, by name; what draws pictures does not count."""
    functions = (study.build, study.prepare, study.callbacks, study.go_on, study.probe)
    names = [getattr(function, "__name__", "STUDY") for function in functions if function is not None]
    digests: dict[str, str] = {}
    for name in names:
        digests |= code_digests(file.source, name, file.path.parent)
    return digests


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


def code_digests(source: str, start: str, folder: Path | None = None) -> dict[str, str]:
    """A digest of each top-level statement of a file that `start` needs, by the name that it binds.

    Comments, layout and docstrings do not count, nor does what `start` does not reach. Modules that it imports from
    `folder` count as a whole.
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
        for path in _imported(statements[name], folder):
            text += "\n" + ast.unparse(_without_docstrings(ast.parse(path.read_text(encoding="utf-8"))))
        digests[name] = hashlib.sha256(text.encode()).hexdigest()[:12]
        used = set[str]().union(*(_used(_table(statement)) for statement in statements[name]))
        wanted += sorted(used & set(statements))
    return digests


def _bound(statement: ast.stmt) -> set[str]:
    """The names that a top-level statement gives a meaning: those it binds; if none, those it may change in place."""
    table = _table(statement)
    bound = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    return bound or _used(table)


def _table(statement: ast.stmt) -> symtable.SymbolTable:
    """Python's own view of which names are the module's, and which are local to a function or a comprehension."""
    return symtable.symtable(ast.unparse(statement), "study", "exec")


def _used(table: symtable.SymbolTable) -> set[str]:
    """The names of the module that a scope and those within it refer to."""
    top = table.get_type() == "module"
    names = {symbol.get_name() for symbol in table.get_symbols() if top or symbol.is_global()}
    return names.union(*(_used(child) for child in table.get_children()))


def _imported(statements: list[ast.stmt], folder: Path | None) -> list[Path]:
    """The files in a folder that statements import, wherever in them the import stands."""
    if folder is None:
        return []
    modules = set[str]()
    for node in (node for statement in statements for node in ast.walk(statement)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
    return [path for name in sorted(modules) if (path := folder / f"{name.replace('.', '/')}.py").is_file()]


def _without_docstrings(statement: _Node) -> _Node:
    for node in ast.walk(statement):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return statement
