"""The fingerprint of a study: what its results depend on, and what of it has changed."""

import ast
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

from optuna.distributions import distribution_to_json

from dlstudy.datasets.own_cache import difference
from dlstudy.study.arm import Arm
from dlstudy.study.conditions import conditions_json
from dlstudy.study.input_files import digests_of
from dlstudy.study.loader import StudyFile
from dlstudy.study.module_names import bound_names, used_names
from dlstudy.study.own_modules import UNREADABLE, OwnModules
from dlstudy.study.phases import Phase
from dlstudy.study.record_name import RecordName
from dlstudy.study.request import ResolvedStudy

__all__ = ["changes", "code_digests", "code_of", "define", "define_all", "files_entry", "version_of"]

_Node = TypeVar("_Node", bound=ast.AST)
_DOCUMENTED = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module

_VERSION = 2
"""The version of a definition's form. Version 1 followed imports one step only, and has no number."""

_METRICS = "Study.metrics"
"""A start for `code_digests`: the metrics as the study file states them, since a scorer does not show its function."""


def define(study: ResolvedStudy, arm: Arm, phase: Phase, code: Mapping[str, str]) -> dict[str, Any]:  # Any: JSON
    """What the results of one arm and phase depend on, as JSON.

    Trials, seeds, claims and texts are not in it: they may grow or be reworded.

    Args:
        study: as its variant runs it.
        arm, phase: of it.
        code: of the study's functions, as `code_of` gives it.
    """
    protocol = study.protocol
    definition: dict[str, Any] = {
        "version": _VERSION,
        "data": f"{study.dataset} {study.about.sha256[:16]}",
        "epochs": protocol.epochs,
        "batch_size": protocol.batch_size,
        "rows": protocol.rows,
        "split": repr(study.split_of(arm, phase)),
        "setting": dict(arm.setting),
        "restarts": arm.restarts,
        "code": dict(code),
    }
    if resample := study.split_of(arm, phase).resample:
        unit = "seed" if study.has_split_for_each_seed(phase) else "search"
        n = len(study.searches_of(phase))
        of_which = f" of {n} searches" if unit == "seed" and n > 1 else ""  # which numbers the splits
        definition["resample"] = f"{resample}, one for each {unit}{of_which}"
        definition["groups"] = study.split_of(arm, phase).groups
    if arm.gpus > 1:
        definition["gpus"] = arm.gpus
    if protocol.trial_minutes is not None:
        definition["trial_minutes"] = protocol.trial_minutes
    if phase in (Phase.REPORTED, Phase.DEFAULTS):
        definition[phase.value] = dict(arm.stated(phase) or {})
    if phase is Phase.SEARCH:
        definition["space"] = {name: distribution_to_json(arm.space[name]) for name in sorted(arm.space)}
        definition["metric"] = protocol.metric
        definition["direction"] = protocol.direction.value
        if protocol.objectives:
            definition["objectives"] = list(map(str, protocol.objectives))
        if protocol.constraints:
            definition["constraints"] = list(map(str, protocol.constraints))
        if arm.conditions:
            definition["conditions"] = conditions_json(arm.conditions)
        if arm.start:
            definition["start"] = list(map(dict, arm.start))
        definition["sampler"], definition["pruner"] = study.variant.sampler, study.variant.pruner
    return definition


def define_all(
    study: ResolvedStudy, arms: Sequence[Arm], seen: Mapping[RecordName, Iterable[str]] = MappingProxyType({})
) -> dict[RecordName, dict[str, Any]]:  # Any: JSON
    """The definition of every part of these arms, with the files that the study reads as they are now.

    Args:
        study: as its variant runs it.
        arms: of it.
        seen: the names of files that parts are known to have read, beside those that the study's file is known to.
    """
    code = code_of(study.file)
    return {
        name: define(study, arm, name.phase, code) | files_entry(study.file, seen.get(name, ()))
        for arm, name in study.parts(arms)
    }


def files_entry(file: StudyFile, seen: Iterable[str] = ()) -> dict[str, dict[str, str]]:
    """What a definition says of files: the digest of each by its name, empty for one that is gone; nothing for none."""
    digests = digests_of([*file.inputs, *seen], file.folder)
    return {"files": digests} if digests else {}


def code_of(file: StudyFile) -> dict[str, str]:
    """A digest of each part of a study's code that its trainings need, by name; what draws figures does not count."""
    study = file.study
    functions = {
        "build": study.build,
        "prepare": study.prepare,
        "callbacks": study.callbacks,
        "continue_training": study.continue_training,
        "extra_metrics": study.extra_metrics,
        "class_weight": study.class_weight,
    }
    names = [
        getattr(function, "__name__", "STUDY")
        for field, function in functions.items()
        if function is not None and field not in file.kept
    ]
    names += [_METRICS] if study.metrics and "metrics" not in file.kept else []
    kept = {name: digest for name, digest in file.kept.items() if name != "data"}  # whose rows count by their content
    return code_digests(file.source, [*names, *file.used], file.modules) | kept


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:  # Any: JSON
    """What differs between two definitions, a phrase each; empty when nothing does."""
    found = []
    for key in sorted({*old, *new} - {"code", "files"}):
        if old.get(key) != new.get(key):
            names = [str(definition.get(key)).partition(" ")[0] for definition in (old, new)]
            how = difference(*names) if key == "data" else ""
            found.append(f"{key} is {new.get(key)!r} and was {old.get(key)!r}" + (f" ({how})" if how else ""))
    before, after = old.get("code", {}), new.get("code", {})
    found += [
        f"the code of {name} changed" for name in sorted({*before, *after}) if before.get(name) != after.get(name)
    ]
    return found + (_changes_of_files(old["files"], new.get("files", {})) if "files" in old else [])


def _changes_of_files(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """What differs between the files of two definitions; of a file that the new one does not have, nothing is known.

    An old definition without files says nothing of them either: earlier versions did not know which a study reads.
    """
    found = []
    for name in sorted(name for name in new if new[name] != old.get(name)):
        how = "changed" if name in old else "is read now, and was not"
        found.append(f"the file {name} {how if new[name] else 'is gone'}")
    return found


def version_of(definition: Mapping[str, Any]) -> int:  # Any: JSON
    """The version of the form that a definition has."""
    return int(definition.get("version", 1))


def code_digests(source: str, start: Sequence[str], modules: OwnModules) -> dict[str, str]:
    """A digest of each top-level statement of a study file that names in `start` need, and of each module they import.

    Comments, layout and docstrings do not count, nor does what `start` does not reach. The study's own modules count as
    a whole, each by its path, with all that they import in turn.

    Args:
        source: of the study file.
        start: names that it binds, or `Study.metrics` for the text of that argument; one that it does not bind, such as
            of an imported function, stands for `STUDY`.
        modules: where its own modules are.
    """
    statements: dict[str, list[ast.stmt]] = {}
    body = ast.parse(source).body
    for statement in body:
        for name in bound_names(statement):
            statements.setdefault(name, []).append(statement)
    if metrics := [stated for statement in statements.get("STUDY", ()) for stated in _metrics_in(statement)]:
        statements[_METRICS] = metrics
    wanted, digests = [name if name in statements else "STUDY" for name in start], dict[str, str]()
    while wanted:
        name = wanted.pop()
        if name in digests:
            continue
        digests[name] = _digest("\n".join(ast.unparse(_without_docstrings(part)) for part in statements[name]))
        used = set[str]().union(*map(used_names, statements[name]))
        wanted += sorted(used & set(statements))
    counted = [statement for name in digests for statement in statements[name]]
    counted += filter(_imports_all, body)  # any name may come from there
    return digests | {
        name: _digest(_code_of_module(path.read_bytes())) for name, path in modules.files(counted).items()
    }


def _metrics_in(statement: ast.stmt) -> list[ast.stmt]:
    """The argument `metrics` of a study that is defined in a statement."""
    calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
    studies = [call for call in calls if ast.unparse(call.func) in ("Study", "dlstudy.Study")]
    return [ast.Expr(word.value) for study in studies for word in study.keywords if word.arg == "metrics"]


def _code_of_module(source: bytes) -> str:
    try:
        return ast.unparse(_without_docstrings(ast.parse(source)))
    except UNREADABLE:  # it cannot be imported as it is; what it is still counts
        return source.hex()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _imports_all(statement: ast.stmt) -> bool:
    return any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in ast.walk(statement))


def _without_docstrings(statement: _Node) -> _Node:
    for node in ast.walk(statement):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return statement
